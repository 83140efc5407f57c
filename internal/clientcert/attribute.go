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

// attributeType is the type of an attribute.
type attributeType struct {
	oid   string   // the contents octets of its OBJECT IDENTIFIER
	names []string // none if it is not one of knownTypes
}

// knownTypes have names, the one that Windows prints first (CertNameToStr), then those of RFC 4514, OpenSSL and Java. Case does not
// matter.
var knownTypes = []attributeType{
	{commonName, []string{"CN", "COMMONNAME"}},
	{x520 + "\x04", []string{"SN", "SURNAME"}},
	{x520 + "\x05", []string{"SERIALNUMBER"}},
	{x520 + "\x06", []string{"C", "COUNTRYNAME"}},
	{x520 + "\x07", []string{"L", "LOCALITYNAME"}},
	{x520 + "\x08", []string{"S", "ST", "STATEORPROVINCENAME"}},
	{x520 + "\x09", []string{"STREET", "STREETADDRESS"}},
	{x520 + "\x0a", []string{"O", "ORGANIZATIONNAME"}},
	{x520 + "\x0b", []string{"OU", "ORGANIZATIONALUNITNAME"}},
	{x520 + "\x0c", []string{"T", "TITLE"}},
	{x520 + "\x0d", []string{"Description"}},
	{x520 + "\x11", []string{"PostalCode"}},
	{x520 + "\x2a", []string{"G", "GN", "GIVENNAME"}},
	{x520 + "\x2b", []string{"I", "INITIALS"}},
	{x520 + "\x2e", []string{"dnQualifier", "DNQ"}},
	{pilot + "\x01", []string{"UID", "USERID"}},
	{pilot + "\x19", []string{"DC", "DOMAINCOMPONENT"}},
	{emailAddress, []string{"E", "EMAIL", "EMAILADDRESS"}},
}

// typesByOID has the known types by their contents octets, typesByName by each name in capitals.
var typesByOID, typesByName = indexTypes()

func indexTypes() (byOID, byName map[string]*attributeType) {
	byOID, byName = map[string]*attributeType{}, map[string]*attributeType{}
	for i := range knownTypes {
		t := &knownTypes[i]
		byOID[t.oid] = t
		for _, name := range t.names {
			byName[strings.ToUpper(name)] = t
		}
	}
	return byOID, byName
}

// typeOf is the type with these contents octets, if they are those of an OBJECT IDENTIFIER that can be printed.
func typeOf(contents []byte) (t *attributeType, ok bool) {
	if t, ok = typesByOID[string(contents)]; ok {
		return t, true
	}
	if new(x509.OID).UnmarshalBinary(contents) != nil {
		return nil, false
	}
	return &attributeType{oid: string(contents)}, true
}

// typeNamed is the type that is called name: a name of a known one, or numbers with dots with or without OID. before them.
func typeNamed(name string) (t *attributeType, ok bool) {
	name = strings.ToUpper(name)
	if t, ok = typesByName[name]; ok {
		return t, true
	}
	numbers, err := x509.ParseOID(strings.TrimPrefix(name, "OID."))
	if err != nil {
		return nil, false
	}
	contents, err := numbers.MarshalBinary()
	return &attributeType{oid: string(contents)}, err == nil
}

// String is how the type is printed: its first name, or OID. and numbers with dots.
func (t *attributeType) String() string {
	if len(t.names) > 0 {
		return t.names[0]
	}
	var numbers x509.OID
	_ = numbers.UnmarshalBinary([]byte(t.oid)) // typeOf lets no other through
	return "OID." + numbers.String()
}
