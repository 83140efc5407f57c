package event

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Started is event 101. Addresses are where the gateway listens.
func Started(version string, addresses []string) Event {
	at := strings.Join(addresses, ", ")
	return Event{Kind: "GATEWAY_STARTED", ID: ServiceStarted, Level: Info, Component: GatewayServer,
		Text:   fmt.Sprintf("OMS Gateway %s started and listens on %s", version, at),
		Fields: []Field{{"version", version}, {"addresses", at}}}
}

// Stopped is event 102.
func Stopped() Event {
	return Event{Kind: "GATEWAY_STOPPED", ID: ServiceStopped, Level: Info, Component: GatewayServer, Text: "OMS Gateway stopped"}
}

// Paused is event 100: the gateway was told to accept no more clients for a while.
func Paused() Event {
	return Event{Kind: "GATEWAY_PAUSED",
		ID: Information, Level: Info, Component: GatewayServer, Text: "Paused: no new clients are accepted, open tunnels stay"}
}

// Continued is event 100: clients are accepted again after a pause, at these addresses.
func Continued(addresses []string) Event {
	at := strings.Join(addresses, ", ")
	return Event{Kind: "GATEWAY_CONTINUED", ID: Information, Level: Info, Component: GatewayServer,
		Text:   "Going on after the pause, listening on " + at,
		Fields: []Field{{"addresses", at}}}
}

// Note is event 100 for what an administrator may want to know.
func Note(from Component, text string) Event {
	return Event{Kind: "NOTE", ID: Information, Level: Info, Component: from, Text: text}
}

// Advice is event 100 for what an administrator should see to, as the reason of err says.
func Advice(from Component, err error) Event {
	return Event{Kind: "ADVICE",
		ID: Information, Level: Info, Component: from, Reason: reason.Of(err), Text: err.Error(), Fields: partsOf(err)}
}

// Step is event 200, one step of the program for finding a fault.
func Step(from Component, text string) Event {
	return Event{Kind: "STEP", ID: Detail, Level: Debug, Component: from, Text: text}
}

// Failure is event 400: doing something did not work. Doing completes the sentence "Failed ...", for example "to accept".
func Failure(from Component, doing string, err error) Event {
	return Event{Kind: "FAILURE", ID: Fault, Level: Error, Component: from, Reason: reason.Of(err),
		Text: fmt.Sprintf("Failed %s: %s", doing, err), Fields: partsOf(err, Field{"doing", doing})}
}

// Panic is event 400 for a fault in the program that was caught: the value of the panic and the stack of its goroutine.
func Panic(value any, stack []byte) Event {
	lines := strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(string(stack)), "\n", " | "), "\t", "")
	fault := fmt.Sprint(value)
	return Event{Kind: "PANIC", ID: Fault, Level: Error, Component: GatewayServer, Reason: reason.GatewayFault,
		Text:   fmt.Sprintf("Fault in the program: %s; %s", fault, lines),
		Fields: []Field{{"fault", fault}, {"stack", lines}}}
}

// ConfigurationWrong is event 401.
func ConfigurationWrong(err error) Event {
	return Event{Kind: "CONFIGURATION_WRONG", ID: WrongConfiguration, Level: Error, Component: GatewayServer, Reason: reason.Of(err),
		Text: fmt.Sprintf("Wrong configuration: %s", err), Fields: partsOf(err)}
}

// maxValue is how many bytes of a setting's value an event shows.
const maxValue = 1 << 10

// SettingChanged is event 100. The values are as the setting is written, cut at 1 KiB; never hand it a secret.
func SettingChanged(who caller.Caller, key, old, new string) Event {
	old, new = printable.Cut(old, maxValue), printable.Cut(new, maxValue)
	return Event{Kind: "SETTING_CHANGED", ID: Information, Level: Info, Component: GatewayServer, changedBy: who.Name,
		Text:   fmt.Sprintf("Setting %s was changed from %q to %q by %s", key, old, new, who.Name),
		Fields: by(who, Field{"key", key}, Field{"old", old}, Field{"new", new})}
}

// HostAdded is event 100. Host is as it is stored.
func HostAdded(who caller.Caller, host string) Event {
	return Event{Kind: "ALLOWED_HOST_ADDED", ID: Information, Level: Info, Component: GatewayServer, changedBy: who.Name,
		Text:   fmt.Sprintf("Allowed host %s was added by %s", host, who.Name),
		Fields: by(who, Field{"key", "allowed host"}, Field{"old", ""}, Field{"new", host})}
}

// HostRemoved is event 100. Host is as it was stored.
func HostRemoved(who caller.Caller, host string) Event {
	return Event{Kind: "ALLOWED_HOST_REMOVED", ID: Information, Level: Info, Component: GatewayServer, changedBy: who.Name,
		Text:   fmt.Sprintf("Allowed host %s was removed by %s", host, who.Name),
		Fields: by(who, Field{"key", "allowed host"}, Field{"old", host}, Field{"new", ""})}
}

// DeniedHostsCleared is event 100.
func DeniedHostsCleared(who caller.Caller, count int) Event {
	return Event{Kind: "DENIED_HOSTS_CLEARED", ID: Information, Level: Info, Component: GatewayServer, changedBy: who.Name,
		Text:   fmt.Sprintf("Refused hosts were cleared by %s: %d", who.Name, count),
		Fields: by(who, Field{"key", "refused hosts"}, Field{"count", strconv.Itoa(count)})}
}

// HostPolicyChanged is event 100. Host is as it is stored; the policies are what it says itself, empty where the setting decides.
func HostPolicyChanged(who caller.Caller, host, old, new string) Event {
	return Event{Kind: "ALLOWED_HOST_POLICY_CHANGED", ID: Information, Level: Info, Component: GatewayServer, changedBy: who.Name,
		Text:   fmt.Sprintf("Client certificate policy of allowed host %s was changed from %q to %q by %s", host, old, new, who.Name),
		Fields: by(who, Field{"key", "client certificate policy of " + host}, Field{"old", old}, Field{"new", new})}
}

// HostAccountChanged is event 100. Host is as it is stored; old and new have owner, ticket, note and expiry on one line, empty for none.
func HostAccountChanged(who caller.Caller, host, old, new string) Event {
	return Event{Kind: "ALLOWED_HOST_ACCOUNT_CHANGED", ID: Information, Level: Info, Component: GatewayServer, changedBy: who.Name,
		Text:   fmt.Sprintf("What accounts for allowed host %s was changed from [%s] to [%s] by %s", host, old, new, who.Name),
		Fields: by(who, Field{"key", "account of " + host}, Field{"old", old}, Field{"new", new})}
}

// HostExpires is event 100. Host is as it is stored; in says how far away the time is, such as "in a day", and is empty when it has come.
func HostExpires(host, owner, ticket string, expires time.Time, in string) Event {
	at := expires.UTC().Format(time.RFC3339)
	text := fmt.Sprintf("Allowed host %s expires %s, at %s", host, in, at)
	if in == "" {
		text = fmt.Sprintf("Allowed host %s has expired at %s: it allows nothing new, and stays in the list until it is removed", host, at)
	}
	for _, part := range []Field{{"owner", owner}, {"ticket", ticket}} {
		if part.Value != "" {
			text += fmt.Sprintf("; its %s is %s", part.Name, part.Value)
		}
	}
	return Event{Kind: "ALLOWED_HOST_EXPIRES", ID: Information, Level: Info, Component: GatewayServer, Text: text,
		Fields: []Field{{"host", host}, {"owner", owner}, {"ticket", ticket}, {"expires", at}, {"in", in}}}
}

// HostsExpire is event 100 for many hosts at once; in is as for HostExpires.
func HostsExpire(count int, in string) Event {
	text := fmt.Sprintf("%d allowed hosts expire %s; omsgwctl allowed-host review lists them", count, in)
	if in == "" {
		text = fmt.Sprintf("%d allowed hosts have expired; omsgwctl allowed-host review lists them", count)
	}
	return Event{Kind: "ALLOWED_HOSTS_EXPIRE", ID: Information, Level: Info, Component: GatewayServer, Text: text,
		Fields: []Field{{"count", strconv.Itoa(count)}, {"in", in}}}
}

// ClockTrusted is event 100: who has said that the clock, which shows date, is right.
func ClockTrusted(who caller.Caller, date time.Time) Event {
	at := date.UTC().Format(time.RFC3339)
	return Event{Kind: "CLOCK_TRUSTED", ID: Information, Level: Info, Component: GatewayServer, changedBy: who.Name,
		Text:   fmt.Sprintf("%s says that the clock of the computer is right: it is %s", who.Name, at),
		Fields: by(who, Field{"date", at})}
}

// ClockSynchronised is event 100: the clock, which shows date, was in doubt and is synchronised now.
func ClockSynchronised(date time.Time) Event {
	at := date.UTC().Format(time.RFC3339)
	return Event{Kind: "CLOCK_SYNCHRONISED", ID: Information, Level: Info, Component: GatewayServer,
		Text:   "The clock of the computer is synchronised, and allowed hosts expire again: it is " + at,
		Fields: []Field{{"date", at}}}
}

// RelayProxyChanged is event 100. An empty address is none; of the password only whether it was changed is told.
func RelayProxyChanged(who caller.Caller, oldAddress, oldUser, newAddress, newUser string, password bool) Event {
	named := func(address, user string) string {
		switch {
		case address == "":
			return "none"
		case user == "":
			return address
		}
		return address + " with user " + user
	}
	old, new := named(oldAddress, oldUser), named(newAddress, newUser)
	text := fmt.Sprintf("Relay proxy was changed from %q to %q by %s", old, new, who.Name)
	if old == new && password {
		text = fmt.Sprintf("Password for relay proxy %q was changed by %s", new, who.Name)
	}
	return Event{Kind: "RELAY_PROXY_CHANGED", ID: Information, Level: Info, Component: GatewayServer, changedBy: who.Name, Text: text,
		Fields: by(who, Field{"key", "relay proxy"}, Field{"old", old}, Field{"new", new})}
}

// ClientCertificateAdded is event 100. Subject is as it is stored.
func ClientCertificateAdded(who caller.Caller, subject string) Event {
	return Event{Kind: "ALLOWED_CLIENT_CERTIFICATE_ADDED", ID: Information, Level: Info, Component: GatewayServer, changedBy: who.Name,
		Text:   fmt.Sprintf("Allowed client certificate %s was added by %s", subject, who.Name),
		Fields: by(who, Field{"key", "allowed client certificate"}, Field{"old", ""}, Field{"new", subject})}
}

// ClientCertificateRemoved is event 100. Subject is as it was stored.
func ClientCertificateRemoved(who caller.Caller, subject string) Event {
	return Event{Kind: "ALLOWED_CLIENT_CERTIFICATE_REMOVED", ID: Information, Level: Info, Component: GatewayServer, changedBy: who.Name,
		Text:   fmt.Sprintf("Allowed client certificate %s was removed by %s", subject, who.Name),
		Fields: by(who, Field{"key", "allowed client certificate"}, Field{"old", subject}, Field{"new", ""})}
}

// HostCounts says how many hosts a change was about. One with another policy and another account counts for the policy.
type HostCounts struct{ Added, Removed, OtherPolicy, OtherAccount int }

// HostsChanged is event 100 for a change of many hosts at once, each of which has a line in the log of changes.
func HostsChanged(who caller.Caller, n HostCounts) Event {
	text := fmt.Sprintf("Allowed hosts were changed by %s: %d were added, %d were removed, and %d have another client certificate "+
		"policy. The log of changes has a line for each", who.Name, n.Added, n.Removed, n.OtherPolicy)
	if n.OtherAccount > 0 {
		text += fmt.Sprintf("; %d have another owner, ticket, note or expiry", n.OtherAccount)
	}
	return changed("ALLOWED_HOSTS_CHANGED", who, "allowed host", text,
		Field{"added", strconv.Itoa(n.Added)}, Field{"removed", strconv.Itoa(n.Removed)},
		Field{"other_policy", strconv.Itoa(n.OtherPolicy)}, Field{"other_account", strconv.Itoa(n.OtherAccount)})
}

// ClientCertificatesChanged is event 100 for a change of many client certificates at once, each of which has a line in the log of changes.
func ClientCertificatesChanged(who caller.Caller, added, removed int) Event {
	return changed("ALLOWED_CLIENT_CERTIFICATES_CHANGED",
		who, "allowed client certificate", fmt.Sprintf("Allowed client certificates were changed by %s: %d were added, and "+
			"%d were removed. The log of changes has a line for each", who.Name, added, removed),
		Field{"added", strconv.Itoa(added)}, Field{"removed", strconv.Itoa(removed)})
}

func changed(kind Kind, who caller.Caller, key, text string, counts ...Field) Event {
	return Event{Kind: kind, ID: Information, Level: Info, Component: GatewayServer, changedBy: who.Name, Text: text,
		Fields: by(who, append([]Field{{"key", key}}, counts...)...)}
}

// Revision is the recorded change that events are about.
type Revision struct {
	Number uint64
	Hash   string // of its record
}

// Of returns copies of events that have the revision among their fields, as "revision" and "revision_hash". Their texts stay.
func (r Revision) Of(events []Event) []Event {
	of := slices.Clone(events)
	for i := range of {
		of[i].Fields = append(slices.Clone(of[i].Fields), r.fields()...)
	}
	return of
}

func (r Revision) fields() []Field {
	return []Field{{"revision", strconv.FormatUint(r.Number, 10)}, {"revision_hash", r.Hash}}
}

// RevisionRecorded is a line of the log of changes, before those of the change itself.
func RevisionRecorded(who caller.Caller, r Revision) Event {
	return Event{Kind: "REVISION_RECORDED", ID: Information, Level: Info, Component: GatewayServer, changedBy: who.Name,
		Text:   fmt.Sprintf("Revision %d was recorded for %s; the hash of its record is %s", r.Number, who.Name, r.Hash),
		Fields: append([]Field{{"caller", who.Name}}, r.fields()...)}
}

// TrialBegun is event 100. Ends is when the trial goes back.
func TrialBegun(who caller.Caller, id string, ends time.Time) Event {
	return trial("TRIAL_BEGUN", who, id, fmt.Sprintf(
		"The change by %s is on trial %s: at %s, or when the gateway stops, it goes back, unless it is confirmed",
		who.Name, id, ends.Format(time.DateTime)), Field{"ends", ends.UTC().Format(time.RFC3339)})
}

// TrialExtended is event 100. Ends is when the trial goes back now.
func TrialExtended(who caller.Caller, id string, ends time.Time) Event {
	return trial("TRIAL_EXTENDED", who, id, fmt.Sprintf("Trial %s was extended by %s until %s", id, who.Name, ends.Format(time.DateTime)),
		Field{"ends", ends.UTC().Format(time.RFC3339)})
}

// TrialConfirmed is event 100.
func TrialConfirmed(who caller.Caller, id, author string) Event {
	return trial("TRIAL_CONFIRMED", who, id, fmt.Sprintf("Trial %s of a change by %s was confirmed by %s", id, author, who.Name),
		Field{"author", author})
}

// TrialRolledBack is event 100: who ended the trial, or the trial itself, when its time was over.
func TrialRolledBack(who caller.Caller, id, author string) Event {
	return trial("TRIAL_ROLLED_BACK", who, id, fmt.Sprintf(
		"Trial %s of a change by %s was not confirmed: what was before is in force again, by %s", id, author, who.Name),
		Field{"author", author})
}

// TrialLeft is event 400: the gateway stops during a trial.
func TrialLeft(id, author string) Event {
	return Event{Kind: "TRIAL_LEFT", ID: Fault, Level: Error, Component: GatewayServer,
		Text: fmt.Sprintf("Trial %s of a change by %s was not confirmed before the gateway stopped: at its next start what was before is "+
			"in force again", id, author),
		Fields: []Field{{"trial", id}, {"author", author}}}
}

func trial(kind Kind, who caller.Caller, id, text string, more ...Field) Event {
	return Event{Kind: kind, ID: Information, Level: Info, Component: GatewayServer, changedBy: who.Name, Text: text,
		Fields: by(who, append([]Field{{"trial", id}}, more...)...)}
}

// changeNotMade is a line of the log of changes.
func changeNotMade(who string, why error) Event {
	return Event{Kind: "CHANGE_NOT_MADE", ID: Fault, Level: Error, Component: GatewayServer, Reason: reason.Of(why), changedBy: who,
		Text:   fmt.Sprintf("The change by %s that was written down last was not made: %s", who, why),
		Fields: partsOf(why, Field{"caller", who})}
}

// AdminDenied is event 400: a call of the admin API was denied to who. Repeats for one caller, method and reason are collapsed, and
// what is new of a caller without a role is counted together with that of all others.
func AdminDenied(who caller.Caller, method string, why reason.Reason) Event {
	repeat := repeatOf{caller: who.Name, about: method}
	if who.Role == caller.None && why != reason.TooManyCalls { // which says nothing about the role
		repeat.group = withoutRole
	}
	return Event{Kind: "CALL_DENIED",
		ID: Fault, Level: Error, Component: GatewayServer, Reason: why, repeat: repeat,
		Text:   fmt.Sprintf("%s was denied the call %s (%s)", who.Name, method, why),
		Fields: by(who, Field{"method", method})}
}

// by returns the fields of an event that who has caused, those about who before the others.
func by(who caller.Caller, others ...Field) []Field {
	fields := []Field{{"caller", who.Name}}
	if who.Via != "" {
		fields = append(fields, Field{"via", who.Via})
	}
	if who.Address != "" {
		fields = append(fields, Field{"address", who.Address})
	}
	return append(fields, others...)
}

// dropped is event 400: an output did not keep up and lost events.
func dropped(output string, n int64) Event {
	return Event{Kind: "EVENTS_DROPPED", ID: Fault, Level: Error, Component: GatewayServer,
		Text:   fmt.Sprintf("%d events were dropped because %s could not take them", n, output),
		Fields: []Field{{"output", output}, {"count", strconv.FormatInt(n, 10)}}}
}

// AgentMissing is event 300: no host can be learned.
func AgentMissing() Event {
	return Event{Kind: "AGENT_MISSING", ID: NoAgent, Level: Warning, Component: GatewayServer,
		Text: "There is no monitoring agent on this computer, so no host is allowed by an agent's configuration. " +
			"Install the agent here and configure it for the workspaces of the clients, or set LearnHosts to Off"}
}

// HostLearned is event 100: host, as it is spelled in lists, is allowed because of what place says.
func HostLearned(host, agent, place string) Event {
	return learned("HOST_LEARNED", fmt.Sprintf("Host %s was learned from %s (%s)", host, agent, place), "host", host, agent, place)
}

// CertificateLearned is event 100: subject, as it is spelled in lists, is an allowed client certificate because of what place says.
func CertificateLearned(subject, agent, place string) Event {
	return learned("CLIENT_CERTIFICATE_LEARNED",
		fmt.Sprintf("Client certificate %s was learned from %s (%s)", subject, agent, place), "subject", subject, agent, place)
}

// CertificateForgotten is event 100, the reverse of CertificateLearned.
func CertificateForgotten(subject, agent, place string) Event {
	return learned("CLIENT_CERTIFICATE_FORGOTTEN",
		fmt.Sprintf("Client certificate %s is no longer learned from %s (%s)", subject, agent, place),
		"subject", subject, agent, place)
}

// HostForgotten is event 100, the reverse of HostLearned.
func HostForgotten(host, agent, place string) Event {
	return learned("HOST_FORGOTTEN",
		fmt.Sprintf("Host %s is no longer learned from %s (%s)", host, agent, place), "host", host, agent, place)
}

func learned(kind Kind, text, what, value, agent, place string) Event {
	return Event{Kind: kind, ID: Information, Level: Info, Component: GatewayServer, Text: text,
		Fields: []Field{{what, value}, {"agent", agent}, {"place", place}}}
}
