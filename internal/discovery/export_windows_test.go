package discovery

// MonitoringAgentVersion is exported for a test of the registry.
func MonitoringAgentVersion() string { return monitoringAgentVersion() }
