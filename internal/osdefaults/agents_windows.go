package osdefaults

func agents() []AgentFiles {
	return []AgentFiles{
		{AzureMonitorChunks, `C:\WindowsAzure\Resources`, "AMADataStore.*/mcs/configchunks/*.json"}, // on virtual machines of Azure
		{AzureMonitorChunks, `C:\Resources\Directory`, "AMADataStore*/mcs/configchunks/*.json"},     // on computers that Azure Arc connects
		{MicrosoftMonitoringConnectors, `SYSTEM\CurrentControlSet\Services\HealthService\Parameters\Service Connector Services`, ""},
	}
}
