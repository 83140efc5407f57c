package osdefaults

// AgentFiles names a part of a monitoring agent's configuration: the files below Base, a folder of the system, whose path fits Path:
// elements separated by slashes, in which * stands for any text. The first element is the agent's own folder.
type AgentFiles struct {
	Kind       AgentFilesKind
	Base, Path string
}

// AgentFilesKind is what the files have.
type AgentFilesKind int

// The kinds.
const (
	AzureMonitorChunks AgentFilesKind = iota + 1 // configuration chunks of the Azure Monitor Agent
	OMSOnboarding                                // of the OMS agent; the second element of the path is the workspace, as of the next
	OMSCertificates
	// MicrosoftMonitoringConnectors are no files, but the registry keys below HKEY_LOCAL_MACHINE\Base of the Microsoft Monitoring Agent,
	// one for each workspace.
	MicrosoftMonitoringConnectors
)

// Agents is where the monitoring agents of Azure keep their configuration on this operating system.
func Agents() []AgentFiles { return agents() }
