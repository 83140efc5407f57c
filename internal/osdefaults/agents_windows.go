package osdefaults

func agents() MonitoringAgents {
	return MonitoringAgents{
		Chunks: []AgentFiles{
			{`C:\WindowsAzure\Resources`, "AMADataStore.*/mcs/configchunks/*.json"}, // on virtual machines of Azure
			{`C:\Resources\Directory`, "AMADataStore*/mcs/configchunks/*.json"},     // on computers that Azure Arc connects
		},
		Connectors: `SYSTEM\CurrentControlSet\Services\HealthService\Parameters\Service Connector Services`,
	}
}
