package clientcert

import (
	"crypto/x509"
	"strings"
)

// Contents octets of the OBJECT IDENTIFIERs of attribute types.
const (
	x520         = "\x55\x04"                             // 2.5.4
	pilot        = "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01" // 0.9.2342.19200300.100.1
	commonName   = x520 + "\x03"
	emailAddress = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01" // 1.2.840.113549.1.9.1
)

// attributeNames has the names of each attribute type, the one that Windows prints first (CertNameToStr), then those of RFC 4514,
// OpenSSL and Java. Case does not matter.
var attributeNames = map[string][]string{
	commonName:     {"CN", "COMMONNAME"},
	x520 + "\x04":  {"SN", "SURNAME"},
	x520 + "\x05":  {"SERIALNUMBER"},
	x520 + "\x06":  {"C", "COUNTRYNAME"},
	x520 + "\x07":  {"L", "LOCALITYNAME"},
	x520 + "\x08":  {"S", "ST", "STATEORPROVINCENAME"},
	x520 + "\x09":  {"STREET", "STREETADDRESS"},
	x520 + "\x0a":  {"O", "ORGANIZATIONNAME"},
	x520 + "\x0b":  {"OU", "ORGANIZATIONALUNITNAME"},
	x520 + "\x0c":  {"T", "TITLE"},
	x520 + "\x0d":  {"Description"},
	x520 + "\x11":  {"PostalCode"},
	x520 + "\x2a":  {"G", "GN", "GIVENNAME"},
	x520 + "\x2b":  {"I", "INITIALS"},
	x520 + "\x2e":  {"dnQualifier", "DNQ"},
	pilot + "\x01": {"UID", "USERID"},
	pilot + "\x19": {"DC", "DOMAINCOMPONENT"},
	emailAddress:   {"E", "EMAIL", "EMAILADDRESS"},
}

// shortNames maps an attribute type to the name that is printed, attributeTypes each name in capitals to its type.
var shortNames, attributeTypes = indexNames()

func indexNames() (shortNames, types map[string]string) {
	shortNames, types = map[string]string{}, map[string]string{}
	for oid, names := range attributeNames {
		shortNames[oid] = names[0]
		for _, name := range names {
			types[strings.ToUpper(name)] = oid
		}
	}
	return shortNames, types
}

// attributeName is how the type is printed: its short name, or OID. and numbers with dots.
func attributeName(oid string) string {
	if name, ok := shortNames[oid]; ok {
		return name
	}
	var numbers x509.OID
	_ = numbers.UnmarshalBinary([]byte(oid)) // readName lets no other through
	return "OID." + numbers.String()
}

// attributeType is the type that is called name: a short name, or numbers with dots with or without OID. before them.
func attributeType(name string) (oid string, ok bool) {
	name = strings.ToUpper(name)
	if oid, ok = attributeTypes[name]; ok {
		return oid, true
	}
	numbers, err := x509.ParseOID(strings.TrimPrefix(name, "OID."))
	if err != nil {
		return "", false
	}
	contents, err := numbers.MarshalBinary()
	return string(contents), err == nil
}
