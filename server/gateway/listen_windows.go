package gateway

import (
	"net"

	"github.com/omsgateway/omsgateway/internal/socket"
)

func listenConfig() net.ListenConfig {
	return net.ListenConfig{KeepAliveConfig: socket.KeepAlive()}
}
