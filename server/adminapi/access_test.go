package adminapi_test

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
	"github.com/omsgateway/omsgateway/server/adminapi"
)

// as are the credentials of a server to which everybody is one caller.
type as struct {
	credentials.TransportCredentials
	who caller.Identity
}

func (a as) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return caller.Handshake(conn, func(conn net.Conn) (net.Conn, caller.Identity, error) { return conn, a.who, nil })
}

// TestEveryMethodAsksBeforeItReads makes each call without ever sending its request: who may not call is told so nevertheless.
func TestEveryMethodAsksBeforeItReads(t *testing.T) {
	var mayNot atomic.Bool
	a := startFor(t, as{localsock.ClientCredentials(), func() caller.Caller {
		if mayNot.Load() {
			return caller.Caller{
				Name: "mallory", Via: "test", Address: "192.0.2.1:50000", ToRead: "ask to read", ToChange: "ask to change",
			}
		}
		return caller.Caller{Name: "mallory", Role: caller.Change}
	}})
	status := adminv1.NewStatusServiceClient(a.conn)
	if _, err := status.GetStatus(t.Context(), &adminv1.GetStatusRequest{}); err != nil {
		t.Fatal(err)
	}
	mayNot.Store(true) // while the connection is open
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for method, need := range adminapi.Access() {
		stream, err := a.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
		if err != nil {
			t.Fatal(err)
		}
		err = apierr.FromStatus(stream.RecvMsg(&emptypb.Empty{}))
		want := apierr.Error{
			Code: codes.PermissionDenied, Reason: reason.NotPermittedToRead, Message: "mallory may not read; ask to read",
			Parts: map[string]string{"caller": "mallory", "remedy": "ask to read"},
		}
		if need == caller.Change {
			want.Reason, want.Message = reason.NotPermittedToChange, "mallory may not change anything; ask to change"
			want.Parts["remedy"] = "ask to change"
		}
		if diff := cmp.Diff(error(&want), err); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", method, diff)
		}
		wantEvent := fmt.Sprintf("mallory was denied the call %s (%s)", method, want.Reason)
		events, _ := a.Events.List(event.Filter{Level: event.Error, Text: wantEvent}, 10)
		if len(events) != 1 {
			t.Fatalf("%d events %q", len(events), wantEvent)
		}
		wantFields := []event.Field{
			{Name: "caller", Value: "mallory"}, {Name: "via", Value: "test"}, {Name: "address", Value: "192.0.2.1:50000"},
			{Name: "method", Value: method},
		}
		if diff := cmp.Diff(wantFields, events[0].Fields); diff != "" {
			t.Errorf("the event's fields (-want +got):\n%s", diff)
		}
	}
}

// TestEveryMethodHasARow walks the descriptors of the API, so that no method can be added without saying who may call it.
func TestEveryMethodHasARow(t *testing.T) {
	rows, access, most := 0, adminapi.Access(), adminapi.Most()
	protoregistry.GlobalFiles.RangeFilesByPackage("omsgateway.admin.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := fmt.Sprintf("/%s/%s", service.FullName(), service.Methods().Get(j).Name())
				role, found := access[method]
				if !found || (role != caller.Read && role != caller.Change) {
					t.Errorf("%s has the role %v in the access table", method, role)
				}
				if n := most[method]; n != adminapi.Small && (n != adminapi.Large || role != caller.Change) {
					t.Errorf("a request of %s may have %d bytes from a caller with the role %v", method, n, role)
				}
				rows++
			}
		}
		return true
	})
	if rows == 0 || rows != len(access) {
		t.Errorf("%d methods, %d rows", rows, len(access))
	}
}
