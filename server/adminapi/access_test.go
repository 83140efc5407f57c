package adminapi_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/server/adminapi"
)

// TestEveryMethodHasARow walks the descriptors of the API, so that no method can be added without saying who may call it.
func TestEveryMethodHasARow(t *testing.T) {
	rows := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("omsgateway.admin.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := fmt.Sprintf("/%s/%s", service.FullName(), service.Methods().Get(j).Name())
				role, found := adminapi.Access[method]
				if !found || (role != localsock.Read && role != localsock.Change) {
					t.Errorf("%s has the role %v in the access table", method, role)
				}
				rows++
			}
		}
		return true
	})
	if rows == 0 || rows != len(adminapi.Access) {
		t.Errorf("%d methods, %d rows", rows, len(adminapi.Access))
	}
}
