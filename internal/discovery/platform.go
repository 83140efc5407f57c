package discovery

// Each operating system has, in agents_unix.go and agents_windows.go:
//
//	accountName()                             the account that files must be readable by
//	grantCommand(account, place, files)       what an administrator runs so that it may read files, of which place is one
//	grantKeyCommand(account, key)             the same for a registry key
//	readConnectors(key)                       the keys of the Microsoft Monitoring Agent; fs.ErrNotExist if it is not there
//	monitoringAgentVersion()                  the version of the Microsoft Monitoring Agent; empty if it is not known
//	watchConnectors(ctx, key, changed)        calls changed at the beginning and after each change of them, until ctx is done
