package firewall

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRule(t *testing.T) {
	for name, test := range map[string]struct {
		text   string
		none   bool
		allows map[uint16]bool
		want   rule
	}{
		"ours": {
			text: `v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=8080|App=C:\Program Files\OMS Gateway\omsgateway.exe|` +
				`Svc=OMSGatewayService|Name=OMS Gateway|`,
			want:   rule{name: "OMS Gateway", active: true, inbound: true, allow: true, protocol: "6", ports: []span{{8080, 8080}}},
			allows: map[uint16]bool{8080: true, 8081: false, 0: false},
		},
		"of an older package": {
			text:   `v2.10|Action=Allow|Active=TRUE|Dir=In|Protocol=6|App=C:\x\omsgateway.exe|Name=OMS Gateway|Edge=FALSE|`,
			want:   rule{name: "OMS Gateway", active: true, inbound: true, allow: true, protocol: "6"},
			allows: map[uint16]bool{8080: true, 1: true},
		},
		"several ports and a range": {
			text: `v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=80|LPort=443|LPort2_10=8000-8010|Name=web|`,
			want: rule{name: "web", active: true, inbound: true, allow: true, protocol: "6",
				ports: []span{{80, 80}, {443, 443}, {8000, 8010}}},
			allows: map[uint16]bool{80: true, 81: false, 443: true, 7999: false, 8000: true, 8010: true, 8011: false},
		},
		"a port that is none": {
			text:   `v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=RPC|Name=rpc|`,
			want:   rule{name: "rpc", active: true, inbound: true, allow: true, protocol: "6", ports: []span{{}}},
			allows: map[uint16]bool{135: false, 8080: false},
		},
		"blocks": {
			text:   `v2.31|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=8080|Name=OMS Gateway|`,
			want:   rule{name: "OMS Gateway", active: true, inbound: true, protocol: "6", ports: []span{{8080, 8080}}},
			allows: map[uint16]bool{8080: false},
		},
		"UDP": {
			text:   `v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=17|LPort=8080|Name=OMS Gateway|`,
			want:   rule{name: "OMS Gateway", active: true, inbound: true, allow: true, protocol: "17", ports: []span{{8080, 8080}}},
			allows: map[uint16]bool{8080: false},
		},
		"switched off, outbound, any protocol": {
			text:   `v2.31|Action=Allow|Active=FALSE|Dir=Out|Name=off|`,
			want:   rule{name: "off", allow: true},
			allows: map[uint16]bool{8080: true},
		},
		"empty":         {text: "", none: true},
		"no rule":       {text: "8080", none: true},
		"without name":  {text: "v2.31|Action=Allow|", none: true},
		"not a version": {text: "x|Name=OMS Gateway|", none: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := parseRule(test.text)
			if ok == test.none {
				t.Fatalf("it is a rule: %v", ok)
			}
			if test.none {
				return
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(rule{}, span{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for port, want := range test.allows {
				if got.allows(port) != want {
					t.Errorf("port %d: %v", port, !want)
				}
			}
		})
	}
}

func FuzzParseRule(f *testing.F) {
	f.Add(`v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort2_10=8000-8010|Name=web|`, uint16(8080))
	f.Fuzz(func(_ *testing.T, text string, port uint16) {
		if r, ok := parseRule(text); ok {
			r.allows(port)
		}
	})
}
