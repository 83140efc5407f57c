package discovery

import (
	"context"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// The agents, as they are called in lists and events.
const (
	AzureMonitorAgent        = "Azure Monitor Agent"
	OMSAgent                 = "OMS agent"
	MicrosoftMonitoringAgent = "Microsoft Monitoring Agent"
)

// row says how one kind of an agent's configuration is read.
type row struct {
	kind       osdefaults.AgentFilesKind
	agent      string
	workspaces int // that are learned from the agent at most
	read       func(s *search, agent string, files osdefaults.AgentFiles)
	watch      func(ctx context.Context, base string, changed func()) // of what is no file; nil for files, whose folders are watched
}

// table has a row for each kind, in the order in which they are read. To learn from another agent takes a row here with its parser, its
// places in package osdefaults, and on Linux the right to read them (packaging/linux/agent-access).
func table() []row {
	return []row{
		{osdefaults.AzureMonitorChunks, AzureMonitorAgent, maxWorkspaces, filesBy(forAllWorkspaces(parseChunk)), nil},
		{osdefaults.OMSOnboarding, OMSAgent, maxWorkspaces, filesBy(parseOnboarding), nil},
		{osdefaults.OMSCertificates, OMSAgent, maxWorkspaces, filesBy(parseCertificate), nil},
		{osdefaults.MicrosoftMonitoringConnectors, MicrosoftMonitoringAgent, maxConnectors, (*search).connectors, watchConnectors},
	}
}

// workspacesOf is how many workspaces are learned from an agent at most.
func workspacesOf(agent string) int {
	for _, row := range table() {
		if row.agent == agent {
			return row.workspaces
		}
	}
	return 0
}

func filesBy(parse parser) func(*search, string, osdefaults.AgentFiles) {
	return func(s *search, agent string, files osdefaults.AgentFiles) { s.files(agent, files, parse) }
}

func forAllWorkspaces(parse func(place string, data []byte) (*finding, error)) parser {
	return func(place, _ string, data []byte) (*finding, error) { return parse(place, data) }
}
