package support_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/omsgateway/omsgateway/ctl/support"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func TestAliases(t *testing.T) {
	a := support.NewAliases()
	var got []string
	for _, name := range []string{
		"a.example.com", "10.0.0.1", "10.0.0.1:443", "[2001:db8::1]:80", "2001:db8::1", "gw1", "a.example.com", "CN=x, O=y", "",
	} {
		got = append(got, a.Of(name))
	}
	want := []string{"host-1", "address-1", "address-1", "address-2", "address-2", "name-1", "host-1", "name-2", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMessagesWithAliases(t *testing.T) {
	for _, test := range []struct{ message, want proto.Message }{
		{
			&adminv1.ListSettingsResponse{Settings: []*adminv1.Setting{
				{Key: "ListenAddress", Value: "10.1.2.3", Type: adminv1.Setting_ADDRESS, Description: "Where clients connect."},
				{Key: "ListenPort", Value: "8081", DefaultValue: "8080"},
				{Key: "LogLevel", Value: "Debug", Choices: []string{"Info", "Debug"}},
				{Key: "MaximumTlsVersion", Value: "1.3", DefaultValue: "1.3"},
			}},
			&adminv1.ListSettingsResponse{Settings: []*adminv1.Setting{
				{Key: "ListenAddress", Value: "address-1", Type: adminv1.Setting_ADDRESS, Description: "Where clients connect."},
				{Key: "ListenPort", Value: "8081", DefaultValue: "8080"},
				{Key: "LogLevel", Value: "Debug", Choices: []string{"Info", "Debug"}},
				{Key: "MaximumTlsVersion", Value: "1.3", DefaultValue: "1.3"},
			}},
		},
		{
			&adminv1.ListEventsResponse{Events: []*adminv1.Event{{
				Id: 105, Kind: "HOST_FORBIDDEN", Reason: "HOST_NOT_ALLOWED", Component: "GatewayLogic",
				Text:   "Target host (a.example.com) is forbidden.",
				Fields: map[string]string{"host": "a.example.com", "client": "10.0.0.1"},
			}}},
			&adminv1.ListEventsResponse{Events: []*adminv1.Event{{
				Id: 105, Kind: "HOST_FORBIDDEN", Reason: "HOST_NOT_ALLOWED", Component: "GatewayLogic",
				Fields: map[string]string{"host": "host-1", "client": "address-1"},
			}}},
		},
		{
			&adminv1.GetStatusResponse{
				Version: "1.2.3", ListenAddresses: []string{"10.0.0.1:8080"}, RefusalsByReason: map[string]int64{"HOST_NOT_ALLOWED": 3},
				Warnings: []*adminv1.Problem{
					{Reason: "X", Message: "about a.example.com", Metadata: map[string]string{"host": "a.example.com"}},
				},
			},
			&adminv1.GetStatusResponse{
				Version: "1.2.3", ListenAddresses: []string{"address-1"}, RefusalsByReason: map[string]int64{"HOST_NOT_ALLOWED": 3},
				Warnings: []*adminv1.Problem{{Reason: "X", Metadata: map[string]string{"host": "host-1"}}},
			},
		},
	} {
		before := proto.Clone(test.message)
		if diff := cmp.Diff(test.want, support.NewAliases().Message(test.message), protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !proto.Equal(before, test.message) {
			t.Error("the message itself was changed")
		}
	}
}

// Whatever field of an answer a name is in, it does not get through, unless the field was thought about.
func TestNoFieldLetsANameThrough(t *testing.T) {
	thought := 0
	for _, m := range []proto.Message{
		&adminv1.ListEffectiveHostsResponse{}, &adminv1.ListAllowedClientCertificatesResponse{}, &adminv1.ListDeniedHostsResponse{},
		&adminv1.GetDiscoveryResponse{}, &adminv1.ListTunnelsResponse{}, &adminv1.ListRevisionsResponse{}, &adminv1.ListEventsResponse{},
		&adminv1.GetStatusResponse{}, &adminv1.GetRelayProxyResponse{},
	} {
		count := 0
		fill(m.ProtoReflect(), &count, 0)
		text, err := protojson.Marshal(support.NewAliases().Message(m))
		if err != nil {
			t.Fatal(err)
		}
		for i := range count {
			if name := fmt.Sprintf("contoso%05d", i); strings.Contains(string(text), name) {
				thought++
			}
		}
		if count == 0 || strings.Contains(string(text), "contosokey") {
			t.Errorf("%T with %d texts: %s", m, count, text)
		}
	}
	// Those of the table in anonymous.go, as often as they are in these answers. A new field here has to be thought about there.
	if want := 19; thought != want {
		t.Errorf("%d texts get through, want %d", thought, want)
	}
}

// fill puts another name into each text of a message.
func fill(m protoreflect.Message, count *int, depth int) {
	if depth > 6 {
		return
	}
	name := func() protoreflect.Value {
		*count++
		return protoreflect.ValueOfString(fmt.Sprintf("contoso%05d", *count-1))
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		texts, messages := field.Kind() == protoreflect.StringKind, field.Kind() == protoreflect.MessageKind
		switch {
		case field.IsMap():
			if field.MapValue().Kind() == protoreflect.StringKind {
				m.Mutable(field).Map().Set(protoreflect.ValueOfString("host").MapKey(), name())
			}
		case field.IsList() && texts:
			m.Mutable(field).List().Append(name())
		case field.IsList() && messages:
			fill(m.Mutable(field).List().AppendMutable().Message(), count, depth+1)
		case texts:
			m.Set(field, name())
		case messages:
			fill(m.Mutable(field).Message(), count, depth+1)
		}
	}
}

func TestLogWithAliases(t *testing.T) {
	log := strings.Join([]string{
		`2026-11-27 18:30:00 [7] ERROR GatewayLogic - Target host (a.example.com) is forbidden.`,
		`2026-11-27 18:30:00 [7] INFO GatewayLogic - client=10.0.0.1 host=a.example.com port=443 decision=refused ` +
			`reason=HOST_NOT_ALLOWED ` +
			`entry=- tls=- server_name="x decision=bob" subject="CN=\"alice\"" sent=0 received=0 dial_ms=0 total_s=0.001 end=refused`,
		`goroutine of alice`,
	}, "\n")
	want := "2026-11-27 18:30:00 [7] ERROR GatewayLogic - \n" +
		"2026-11-27 18:30:00 [7] INFO GatewayLogic - client=address-1 host=host-1 port=443 decision=refused reason=HOST_NOT_ALLOWED " +
		"entry=- tls=- server_name=name-1 subject=name-2 sent=0 received=0 dial_ms=0 total_s=0.001 end=refused\n"
	if diff := cmp.Diff(want, string(support.NewAliases().Log([]byte(log)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
