package osdefaults_test

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

func TestServiceSID(t *testing.T) {
	for service, want := range map[string]string{
		// Every Windows shows this one as the owner of its own files.
		"TrustedInstaller":     "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
		osdefaults.ServiceName: osdefaults.ServiceSID,
	} {
		if got := serviceSID(service); got != want {
			t.Errorf("the SID of %s is %s, want %s", service, got, want)
		}
	}
}

// serviceSID is what RtlCreateServiceSid makes of a service's name.
func serviceSID(name string) string {
	hash := sha1.New()
	for _, unit := range utf16.Encode([]rune(strings.ToUpper(name))) {
		_ = binary.Write(hash, binary.LittleEndian, unit)
	}
	sum, sid := hash.Sum(nil), "S-1-5-80"
	for ; len(sum) > 0; sum = sum[4:] {
		sid += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(sum))
	}
	return sid
}
