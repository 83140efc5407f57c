package osdefaults

// What is added here has to be granted, too: packaging/linux/agent-access and the units beside it, which a test holds to this.
func agents() []AgentFiles {
	const base = "/etc/opt/microsoft"
	return []AgentFiles{
		{AzureMonitorChunks, base, "azuremonitoragent/config-cache/configchunks/*.json"},
		{OMSOnboarding, base, "omsagent/*/conf/omsadmin.conf"},
		{OMSCertificates, base, "omsagent/*/certs/oms.crt"},
	}
}
