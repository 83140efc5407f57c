package osdefaults

func agents() MonitoringAgents {
	const base = "/etc/opt/microsoft"
	return MonitoringAgents{
		Chunks:       []AgentFiles{{base, "azuremonitoragent/config-cache/configchunks/*.json"}},
		Onboarding:   []AgentFiles{{base, "omsagent/*/conf/omsadmin.conf"}},
		Certificates: []AgentFiles{{base, "omsagent/*/certs/oms.crt"}},
	}
}
