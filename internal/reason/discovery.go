package reason

// Why something in the configuration of a monitoring agent is not learned. {place} is the file, folder or registry key.
const (
	LearnedPlaceDenied       Reason = "LEARNED_PLACE_DENIED"
	LearnedPlaceUnreadable   Reason = "LEARNED_PLACE_UNREADABLE"
	LearnedPlaceNotPlain     Reason = "LEARNED_PLACE_NOT_PLAIN"
	LearnedFileTooLarge      Reason = "LEARNED_FILE_TOO_LARGE"
	LearnedFileInvalid       Reason = "LEARNED_FILE_INVALID"
	LearnedChannelInvalid    Reason = "LEARNED_CHANNEL_INVALID"
	LearnedTooManyFiles      Reason = "LEARNED_TOO_MANY_FILES"
	LearnedTooManyHosts      Reason = "LEARNED_TOO_MANY_HOSTS"
	LearnedTooManyWorkspaces Reason = "LEARNED_TOO_MANY_WORKSPACES"
	LearnedTooMuch           Reason = "LEARNED_TOO_MUCH"
	LearnedURLInvalid        Reason = "LEARNED_URL_INVALID"
	LearnedHostForeign       Reason = "LEARNED_HOST_FOREIGN"
	LearnedWorkspaceInvalid  Reason = "LEARNED_WORKSPACE_INVALID"
	LearnedCertificate       Reason = "LEARNED_CERTIFICATE"
	AgentTooOld              Reason = "AGENT_TOO_OLD" // a remark: what it brings is learned all the same
)

var discoveryTexts = map[Reason]string{
	LearnedPlaceDenied:       `{place} cannot be read by {account}; what was learned from it before stays. Grant it as an administrator: {command}`,
	LearnedPlaceUnreadable:   `{place} cannot be read; what was learned from it before stays`,
	LearnedPlaceNotPlain:     `{place} is neither a plain file nor a folder (a link, a device), and is not followed; what was learned from it before stays`,
	LearnedFileTooLarge:      `{place} is larger than {limit} bytes; what was learned from it before stays`,
	LearnedFileInvalid:       `{place} is not what {agent} writes; what was learned from it before stays`,
	LearnedChannelInvalid:    `{place}: channel {channel} is not what Azure Monitor Agent writes, and is not learned`,
	LearnedTooManyFiles:      `{place}: more than {limit} files of monitoring agents; the rest is not read`,
	LearnedTooManyHosts:      `{place}: more than {limit} hosts; the rest is not learned`,
	LearnedTooManyWorkspaces: `{place}: more than {limit} workspaces of {agent}; the hosts of {workspace} are not learned`,
	LearnedTooMuch:           `{place}: the files of monitoring agents have more than {limit} bytes together; the rest is not read`,
	LearnedURLInvalid:        `{place}: "{value}" is not learned: {problem}`,
	LearnedHostForeign:       `{place}: {host} is not learned, since it is no name of Azure's monitoring services; if agents really need it: omsgwctl allowed-host add {host}`,
	LearnedWorkspaceInvalid:  `{place}: "{value}" is not the id of a workspace`,
	AgentTooOld:              `the {agent} on this computer has version {version}; the original's documents ask for {needed} or later, so update it`,
	LearnedCertificate:       `{place}: no client certificate is learned: {problem}`,
}
