package reason

// Why a configuration file or the value of a setting is refused.
const (
	SettingUnknown     Reason = "SETTING_UNKNOWN"
	SettingNotANumber  Reason = "SETTING_NOT_A_NUMBER"
	SettingOutOfRange  Reason = "SETTING_OUT_OF_RANGE"
	SettingNotAChoice  Reason = "SETTING_NOT_A_CHOICE"
	SettingNotAnAddr   Reason = "SETTING_NOT_AN_ADDRESS"
	SettingNotHosts    Reason = "SETTING_NOT_HOSTS"
	ListHasPort        Reason = "LIST_HAS_PORT"
	ListTooLong        Reason = "LIST_TOO_LONG"
	SettingFixed       Reason = "SETTING_FIXED"
	SettingConflict    Reason = "SETTING_CONFLICT"
	ConfigSyntax       Reason = "CONFIG_SYNTAX"
	ConfigField        Reason = "CONFIG_FIELD"
	ConfigDuplicate    Reason = "CONFIG_DUPLICATE"
	ConfigTooLarge     Reason = "CONFIG_TOO_LARGE"
	ConfigVersion      Reason = "CONFIG_VERSION"
	ConfigTooNew       Reason = "CONFIG_TOO_NEW"
	ConfigUnreadable   Reason = "CONFIG_UNREADABLE"
	ConfigNotWritten   Reason = "CONFIG_NOT_WRITTEN"
	ChangeNotRecorded  Reason = "CHANGE_NOT_RECORDED"
	ConfigInUse        Reason = "CONFIG_IN_USE"
	ListenNotPossible  Reason = "LISTEN_NOT_POSSIBLE"
	ConfigFolderDenied Reason = "CONFIG_FOLDER_DENIED"
	ConfigFolderOpen   Reason = "CONFIG_FOLDER_OPEN"
	ConfigFolderShut   Reason = "CONFIG_FOLDER_SHUT" // a notice
)

var configTexts = map[Reason]string{
	SettingUnknown:     `there is no setting "{key}"{meant}; omsgwctl setting list shows all`,
	SettingNotANumber:  `setting {key} cannot be "{value}": it is a whole number from {minimum} to {maximum}`,
	SettingOutOfRange:  `setting {key} cannot be {value}: it is a whole number from {minimum} to {maximum}`,
	SettingNotAChoice:  `setting {key} cannot be "{value}": it is one of {choices}`,
	SettingNotAnAddr:   `setting {key} cannot be "{value}": it is an IP address of this computer, or empty for all`,
	SettingNotHosts:    `setting {key} is a list of hosts and *.domain with commas between them`,
	ListHasPort:        `"{host}" has a port, and here an entry stands for the host at every port; write {meant}`,
	ListTooLong:        `the list has {count} entries; at most {limit} are possible`,
	SettingFixed:       `setting {key} was given on the gateway's command line for this run; start the gateway without it to change it`,
	SettingConflict:    `MinimumTlsVersion would be {minimum} and MaximumTlsVersion {maximum}: nothing could pass; change the other one first`,
	ConfigSyntax:       `{file} is not valid {format} at {where}`,
	ConfigField:        `{file}, line {line}{column}: {field} is wrong`,
	ConfigDuplicate:    `{file}, line {line}{column}: {field} is there twice`,
	ConfigTooLarge:     `{file} is larger than {limit} bytes`,
	ConfigVersion:      `{file} has no usable "version"; this program understands whole numbers up to {supported}`,
	ConfigTooNew:       `{file} has version {version}, and this program understands up to {supported}; install the newer program again or restore the older file`,
	ConfigUnreadable:   `{file} cannot be read`,
	ConfigNotWritten:   `{file} cannot be written; nothing was changed`,
	ChangeNotRecorded:  `the change cannot be written down in {file}, so it was not made`,
	ConfigInUse:        `another process uses the configuration in {folder}; stop it first or use another --state-dir`,
	ListenNotPossible:  `cannot listen on {address}; choose another ListenPort or ListenAddress, or end the program that has it`,
	ConfigFolderDenied: `the folder {folder} cannot be used`,
	ConfigFolderOpen: `others than root and the account of the gateway can write {path}, and so decide what it allows; ` +
		`look into it, then mend it: {command}`,
	ConfigFolderShut: `others than root and the account of the gateway could write {path}; that was taken from them (chmod go-w), ` +
		`and what they may have written is to be looked at`,
}
