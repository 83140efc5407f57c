package event

import (
	"maps"
	"slices"
)

// Kind is the name of a kind of event: what happened, whatever its id and its reason are. Each constructor has one of its own.
type Kind string

// kinds has every kind with what its events tell.
var kinds = map[Kind]string{
	"GATEWAY_STARTED":                     "the gateway started",
	"GATEWAY_STOPPED":                     "it stopped",
	"GATEWAY_PAUSED":                      "it accepts no more clients for a while",
	"GATEWAY_CONTINUED":                   "it accepts clients again",
	"NOTE":                                "something that an administrator may want to know",
	"ADVICE":                              "something that an administrator should see to; the reason says what",
	"STEP":                                "one step of the program, for finding a fault",
	"FAILURE":                             "doing something did not work",
	"PANIC":                               "a fault in the program was caught",
	"CONFIGURATION_WRONG":                 "the configuration, or a part of it, cannot be used",
	"SETTING_CHANGED":                     "a setting has another value",
	"ALLOWED_HOST_ADDED":                  "an allowed host was added",
	"ALLOWED_HOST_REMOVED":                "an allowed host was removed",
	"ALLOWED_HOSTS_CHANGED":               "more than 100 allowed hosts were changed at once",
	"ALLOWED_HOST_POLICY_CHANGED":         "an allowed host has another client certificate policy",
	"ALLOWED_HOST_ACCOUNT_CHANGED":        "an allowed host has another owner, ticket, note or expiry",
	"ALLOWED_HOST_EXPIRES":                "an allowed host expires in a week, a day or an hour, or has just expired",
	"ALLOWED_HOSTS_EXPIRE":                "more than 100 allowed hosts expire at once",
	"CLOCK_TRUSTED":                       "somebody has said that the computer's clock is right",
	"CLOCK_SYNCHRONISED":                  "the computer's clock is synchronised, which was in doubt",
	"DENIED_HOSTS_CLEARED":                "refused hosts were cleared",
	"RELAY_PROXY_CHANGED":                 "there is another relay proxy, or another password for it",
	"ALLOWED_CLIENT_CERTIFICATE_ADDED":    "an allowed client certificate was added",
	"ALLOWED_CLIENT_CERTIFICATE_REMOVED":  "an allowed client certificate was removed",
	"ALLOWED_CLIENT_CERTIFICATES_CHANGED": "more than 100 allowed client certificates were changed at once",
	"CHANGE_NOT_MADE":                     "a change that was written down was not made; in the log of changes only",
	"REVISION_RECORDED":                   "a change has its revision; in the log of changes only",
	"TRIAL_BEGUN":                         "a change is on trial: it goes back unless it is confirmed",
	"TRIAL_EXTENDED":                      "a change on trial has another time",
	"TRIAL_CONFIRMED":                     "a change on trial was confirmed",
	"TRIAL_ROLLED_BACK":                   "what was before a trial is in force again",
	"TRIAL_LEFT":                          "the gateway stops while a change is on trial, which goes back with that",
	"CALL_DENIED":                         "a call of the admin API was denied",
	"EVENTS_DROPPED":                      "a log did not keep up and lost events",
	"AGENT_MISSING":                       "there is no monitoring agent to learn hosts from",
	"HOST_LEARNED":                        "a host was learned from a monitoring agent",
	"HOST_FORGOTTEN":                      "a host is no longer learned",
	"CLIENT_CERTIFICATE_LEARNED":          "a client certificate was learned from a monitoring agent",
	"CLIENT_CERTIFICATE_FORGOTTEN":        "a client certificate is no longer learned",
	"CONNECT_RECEIVED":                    "a CONNECT was received",
	"NOT_A_CONNECT":                       "another request than CONNECT was refused",
	"HOST_FORBIDDEN":                      "a host was refused that is not allowed",
	"PORT_FORBIDDEN":                      "a host was refused that is allowed at another port",
	"ADDRESS_FORBIDDEN":                   "an allowed host was refused that leads to an address that it may not lead to",
	"REQUEST_UNREADABLE":                  "a request was refused that cannot be understood",
	"CONNECTION_REFUSED":                  "a connection was refused by a limit, or since the gateway is stopping",
	"DIAL_FAILED":                         "the target could not be connected to",
	"RELAY_PROXY_CONNECTED":               "the relay proxy was connected to",
	"TARGET_CONNECTED":                    "the target was connected to",
	"TUNNEL_STARTED":                      "bytes begin to move unwatched",
	"TUNNEL_STALLED":                      "a tunnel is closed in which bytes waited for a receiver that took none",
	"TUNNEL_ENDED":                        "a tunnel ended",
	"CLIENT_DISCONNECTED":                 "the connection of a client is closed",
	"HANDSHAKE_STEP":                      "one step of a TLS handshake",
	"SESSION_VERIFIED":                    "a TLS session is verified",
	"SESSION_REFUSED":                     "a TLS session was refused",
	"TUNNEL_SUMMARY":                      "the canonical line of a tunnel or a request; in the logs only",
	"LIBRARY":                             "a library has something to say",
}

// Kinds are all kinds, sorted.
func Kinds() []Kind { return slices.Sorted(maps.Keys(kinds)) }

// Meaning is what an event of this kind tells, "" for a kind that is not known.
func (k Kind) Meaning() string { return kinds[k] }
