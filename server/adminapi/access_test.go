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
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
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
		return caller.Caller{Name: "mallory", Role: caller.Administer}
	}})
	status := adminv1.NewStatusServiceClient(a.conn)
	if _, err := status.GetStatus(t.Context(), &adminv1.GetStatusRequest{}); err != nil {
		t.Fatal(err)
	}
	mayNot.Store(true) // while the connection is open
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for method := range adminapi.Access() {
		need, _ := adminapi.Needs(method)
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

// Role and place are asked for by methods and settings alike; a row that says nothing is for nobody.
func TestRoleAndPlace(t *testing.T) {
	const elsewhere = reason.NotPermittedElsewhere
	here := caller.Caller{Name: "ann", Via: "unix socket", Local: true}
	afar := caller.Caller{Name: "ann", Via: "remote", Address: "10.1.2.3:51234"}
	for _, c := range []struct {
		who       caller.Caller
		has       caller.Role
		needs     caller.Role
		localOnly bool
		want      reason.Reason
	}{
		{here, caller.Change, caller.Change, false, ""},
		{here, caller.Change, caller.Change, true, ""},
		{here, caller.Change, caller.Administer, false, reason.NotPermittedToAdminister},
		{here, caller.Administer, caller.Administer, true, ""},
		{afar, caller.Change, caller.Change, false, ""},
		{afar, caller.Change, caller.Change, true, elsewhere},
		{afar, caller.Administer, caller.Administer, false, ""},
		{afar, caller.Administer, caller.Administer, true, elsewhere},
		{afar, caller.Read, caller.Change, true, reason.NotPermittedToChange}, // the role is what is missing first
		{caller.Caller{Name: "a transport that forgot"}, caller.Administer, caller.Read, true, elsewhere},
	} {
		c.who.Role = c.has
		method := adminapi.RefuseMethod(c.who, c.needs, c.localOnly)
		setting := adminapi.RefuseSetting(c.who, config.Setting{Key: "X", Role: c.needs, LocalOnly: c.localOnly})
		if reason.Of(method) != c.want || reason.Of(setting) != c.want {
			t.Errorf("%+v needs %s, local only %v: method %v, setting %v, want %q", c.who, c.needs, c.localOnly, method, setting, c.want)
		}
	}
	if err := adminapi.RefuseMethod(caller.Caller{Name: "ann", Via: "remote", Role: caller.Administer}, caller.Read, true); err == nil ||
		err.Error() != "ann may not do this from another computer; do it on the gateway's own" {
		t.Errorf("the text is %v", err)
	}
}

// A caller from elsewhere changes a setting that is for everywhere, sees who may, and is refused where the role does not suffice.
func TestSettingsFromElsewhere(t *testing.T) {
	var role atomic.Int32
	role.Store(int32(caller.Change))
	a := startFor(t, as{localsock.ClientCredentials(), func() caller.Caller {
		return caller.Caller{Name: "ann", Via: "remote", Role: caller.Role(role.Load()), Address: "10.1.2.3:51234", ToChange: "ask"}
	}})
	settings, ctx := adminv1.NewSettingServiceClient(a.conn), t.Context()
	set, err := settings.SetSetting(ctx, &adminv1.SetSettingRequest{Key: "drainseconds", Value: "7"})
	if err != nil {
		t.Fatal(err)
	}
	want := &adminv1.Access{Role: adminv1.Access_CHANGE}
	if diff := cmp.Diff(want, set.GetSetting().GetAccess(), protocmp.Transform()); diff != "" {
		t.Errorf("who may change it (-want +got):\n%s", diff)
	}
	role.Store(int32(caller.Read))
	_, err = settings.SetSetting(ctx, &adminv1.SetSettingRequest{Key: "DrainSeconds", Value: "8", ValidateOnly: true})
	check(t, err, codes.PermissionDenied, reason.NotPermittedToChange)
	list, err := settings.ListSettings(ctx, &adminv1.ListSettingsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list.GetSettings() {
		if s.GetAccess().GetRole() < adminv1.Access_CHANGE {
			t.Errorf("%s may be changed by the role %s", s.GetKey(), s.GetAccess().GetRole())
		}
	}
}

// TestEveryMethodHasARow walks the descriptors of the API, so that no method can be added without saying who may call it.
func TestEveryMethodHasARow(t *testing.T) {
	rows, most := 0, adminapi.Most()
	protoregistry.GlobalFiles.RangeFilesByPackage("omsgateway.admin.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := fmt.Sprintf("/%s/%s", service.FullName(), service.Methods().Get(j).Name())
				role, placed := adminapi.Needs(method)
				if role < caller.Read || role > caller.Administer || !placed {
					t.Errorf("%s has the role %v in the access table, and says from where: %v", method, role, placed)
				}
				if n := most[method]; n != adminapi.Small && (n != adminapi.Large || role != caller.Change) {
					t.Errorf("a request of %s may have %d bytes from a caller with the role %v", method, n, role)
				}
				rows++
			}
		}
		return true
	})
	if rows == 0 || rows != len(adminapi.Access()) {
		t.Errorf("%d methods, %d rows", rows, len(adminapi.Access()))
	}
}
