package secret

import (
	"encoding/base64"
	"unsafe"

	"golang.org/x/sys/windows"
)

// https://learn.microsoft.com/windows/win32/api/dpapi/nf-dpapi-cryptprotectdata
const flags = windows.CRYPTPROTECT_LOCAL_MACHINE | windows.CRYPTPROTECT_UI_FORBIDDEN

func protect(secret string) (string, error) {
	in, out := blobOf([]byte(secret)), windows.DataBlob{}
	if err := windows.CryptProtectData(&in, nil, nil, 0, nil, flags, &out); err != nil {
		return "", err
	}
	return schemeDPAPI + ":" + base64.StdEncoding.EncodeToString(take(out)), nil
}

func unprotect(blob []byte) (string, error) {
	in, out := blobOf(blob), windows.DataBlob{}
	if err := windows.CryptUnprotectData(&in, nil, nil, 0, nil, flags, &out); err != nil {
		return "", err
	}
	return string(take(out)), nil
}

func blobOf(b []byte) windows.DataBlob {
	return windows.DataBlob{Size: uint32(len(b)), Data: unsafe.SliceData(b)}
}

// take copies what the system has allocated, wipes it, and gives it back.
func take(b windows.DataBlob) []byte {
	memory := unsafe.Slice(b.Data, b.Size)
	taken := append([]byte(nil), memory...)
	clear(memory)
	_, _ = windows.LocalFree(windows.Handle(unsafe.Pointer(b.Data)))
	return taken
}
