package osdefaults

// AgentFiles names files of a monitoring agent's configuration: those below Base, a folder of the system, whose path fits Path:
// elements separated by slashes, in which * stands for any text. The first element is the agent's own folder.
type AgentFiles struct{ Base, Path string }

// MonitoringAgents tells where the monitoring agents of Azure keep their configuration on this operating system. What is empty
// is not there.
type MonitoringAgents struct {
	// Chunks are the configuration chunks of the Azure Monitor Agent.
	Chunks []AgentFiles
	// Onboarding and Certificates belong to the OMS agent. The second element of their paths is the workspace.
	Onboarding, Certificates []AgentFiles
	// Connectors is the key of the Microsoft Monitoring Agent below HKEY_LOCAL_MACHINE that has a key for each workspace.
	Connectors string
}

// Agents is where the agents of this computer are.
func Agents() MonitoringAgents { return agents() }
