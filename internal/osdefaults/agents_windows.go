package osdefaults

func agents() []AgentFiles {
	return []AgentFiles{
		{AzureMonitorChunks, `C:\WindowsAzure\Resources`, "AMADataStore.*/mcs/configchunks/*.json"}, // on virtual machines of Azure
		{AzureMonitorChunks, `C:\Resources\Directory`, "AMADataStore*/mcs/configchunks/*.json"},     // on computers that Azure Arc connects
		{MicrosoftMonitoringConnectors, `SYSTEM\CurrentControlSet\Services\HealthService\Parameters\Service Connector Services`, ""},
	}
}

// MonitoringAgentSetup is the registry key below HKEY_LOCAL_MACHINE in which the setup of the Microsoft Monitoring Agent has noted where it
// is, in the value InstallDirectory.
const MonitoringAgentSetup = `SOFTWARE\Microsoft\Microsoft Operations Manager\3.0\Setup`
