package osdefaults

// The service, and the account that Windows makes for it.
const (
	ServiceName        = "OMSGatewayService"
	ServiceDisplayName = "OMS Gateway"

	// ServiceSID is NT SERVICE\OMSGatewayService: S-1-5-80 and the SHA-1 of the service's name in upper case and UTF-16, which is
	// the same on every computer, whether the service is installed or not ("sc.exe showsid OMSGatewayService").
	ServiceSID = "S-1-5-80-1904136137-1979377742-768396267-4009604827-1382213832"
)

// The event log, and its keys in HKEY_LOCAL_MACHINE (Microsoft: Eventlog Key, Event Sources).
const (
	EventSource    = "OMS Gateway"
	EventLogKey    = `SYSTEM\CurrentControlSet\Services\EventLog\OMS Gateway Log`
	EventSourceKey = EventLogKey + `\` + EventSource
)

// OriginalKey is the key in HKEY_LOCAL_MACHINE where the original keeps ListenPort and LogLevel.
const OriginalKey = `SYSTEM\CurrentControlSet\Services\ForwarderService\Configurations`

// CrashFile is the file in the state folder dir in which a crash of the service leaves its traces.
func CrashFile(dir string) string { return LogFile(dir) + ".crash" }
