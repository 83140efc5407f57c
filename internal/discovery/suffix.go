package discovery

import (
	"strings"

	"github.com/omsgateway/omsgateway/internal/hostname"
)

// cloud is one of the separate clouds that Azure consists of.
type cloud int

const (
	public cloud = iota
	government
	china
)

// domains are the names that differ from cloud to cloud and are put together here, not read.
type domains struct {
	opinsights string   // of Log Analytics; "WORKSPACE.ods." and "WORKSPACE.oms." go before it
	handler    string   // of the Azure Monitor Agent's control service; "global." goes before it
	automation string   // of Azure Automation; "WORKSPACE.agentsvc." goes before it
	metrics    []string // what every Azure Monitor Agent needs for metrics
	me         []string // what one needs that sends custom metrics
}

var domainsOf = [...]domains{
	public: {
		opinsights: "opinsights.azure.com",
		handler:    "handler.control.monitor.azure.com",
		automation: "azure-automation.net",
		metrics:    []string{"global.prod.microsoftmetrics.com"},
		me:         []string{"management.azure.com"},
	},
	government: {
		opinsights: "opinsights.azure.us",
		handler:    "handler.control.monitor.azure.us",
		automation: "azure-automation.us",
	},
	china: {
		opinsights: "opinsights.azure.cn",
		handler:    "handler.control.monitor.azure.cn",
		automation: "azure-automation.cn",
	},
}

// services are the names that may be learned; one with a dot in front stands for every name below it. None of them is a domain in
// which customers choose names for content of their own, such as blob.core.windows.net: of that one account is named.
//
// Sources, as of November 2026:
//   - Azure Monitor Agent network configuration
//     (https://learn.microsoft.com/azure/azure-monitor/agents/azure-monitor-agent-network-configuration): handler.control, ods,
//     ingest, monitoring.azure.com, management.azure.com and microsoftmetrics.com; .us and .cn in the place of .com.
//   - The same page of Azure China (https://docs.azure.cn/en-us/azure-monitor/agents/azure-monitor-agent-data-collection-endpoint).
//   - Log Analytics agent overview, firewall requirements
//     (https://learn.microsoft.com/azure/azure-monitor/agents/log-analytics-agent): ods, oms, azure-automation.
//   - Azure Automation network configuration (https://learn.microsoft.com/azure/automation/automation-network-configuration, and
//     https://docs.azure.cn/en-us/automation/automation-network-configuration): azure-automation.net, .us and .cn.
//   - Log Analytics gateway (https://learn.microsoft.com/azure/azure-monitor/agents/gateway): the account scadvisorcontent.
var services = []struct {
	name  string
	cloud cloud
}{
	{".ods.opinsights.azure.com", public},
	{".oms.opinsights.azure.com", public},
	{".handler.control.monitor.azure.com", public},
	{".ingest.monitor.azure.com", public},
	{".monitoring.azure.com", public},
	{".azure-automation.net", public},
	{"management.azure.com", public},
	{"global.prod.microsoftmetrics.com", public},
	{contentHost, public},
	{".ods.opinsights.azure.us", government},
	{".oms.opinsights.azure.us", government},
	{".handler.control.monitor.azure.us", government},
	{".ingest.monitor.azure.us", government},
	{".monitoring.azure.us", government},
	{".azure-automation.us", government},
	{".ods.opinsights.azure.cn", china},
	{".oms.opinsights.azure.cn", china},
	{".handler.control.monitor.azure.cn", china},
	{".ingest.monitor.azure.cn", china},
	{".monitoring.azure.cn", china},
	{".azure-automation.cn", china},
}

// contentHost is where the Microsoft Monitoring Agent gets its management packs.
const contentHost = "scadvisorcontent.blob.core.windows.net"

// cloudOf is the cloud to which a name belongs that may be learned.
func cloudOf(h hostname.Host) (cloud, bool) {
	for _, s := range services {
		if h.Name() == s.name || s.name[0] == '.' && strings.HasSuffix(h.Name(), s.name) {
			return s.cloud, true
		}
	}
	return 0, false
}
