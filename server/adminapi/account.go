package adminapi

import (
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// hostField is something that a change sets of an allowed host, by its name in an update mask.
type hostField struct {
	name string
	set  func(to *config.AllowedHost, from config.AllowedHost)
}

var hostFields = []hostField{
	{fieldPolicy, func(to *config.AllowedHost, from config.AllowedHost) {
		to.ClientCertificatePolicy = from.ClientCertificatePolicy
	}},
	{"owner", func(to *config.AllowedHost, from config.AllowedHost) { to.Account.Owner = from.Account.Owner }},
	{"ticket", func(to *config.AllowedHost, from config.AllowedHost) { to.Account.Ticket = from.Account.Ticket }},
	{"note", func(to *config.AllowedHost, from config.AllowedHost) { to.Account.Note = from.Account.Note }},
	{"expires_at", func(to *config.AllowedHost, from config.AllowedHost) { to.Account.Expires = from.Account.Expires }},
}

const fieldPolicy = "client_certificate_policy"

// hostUpdate is what a change sets of an allowed host that is there.
type hostUpdate []hostField

// updateOf is what mask names. The error is UPDATE_MASK_INVALID.
func updateOf(mask *fieldmaskpb.FieldMask) (hostUpdate, error) {
	var update hostUpdate
	for _, name := range mask.GetPaths() {
		i := slices.IndexFunc(hostFields, func(f hostField) bool { return f.name == name })
		if i < 0 {
			names := make([]string, len(hostFields))
			for j, f := range hostFields {
				names[j] = f.name
			}
			return nil, reason.New(reason.UpdateMaskInvalid, "value", name, "choices", strings.Join(names, ", "))
		}
		update = append(update, hostFields[i])
	}
	return update, nil
}

// from sets what the update names to what a host has.
func (u hostUpdate) from(host config.AllowedHost) func(*config.AllowedHost) {
	return func(to *config.AllowedHost) {
		for _, f := range u {
			f.set(to, host)
		}
	}
}

// account is what a request says of an entry: AllowedHost and SetAllowedHostsRequest.
type account interface {
	GetOwner() string
	GetTicket() string
	GetNote() string
	GetExpiresAt() *timestamppb.Timestamp
}

// accountOf reads what a request says of an entry at date. White space around texts is dropped. The errors are ACCOUNT_TEXT_INVALID and
// EXPIRY_INVALID.
func accountOf(given account, date time.Time) (config.Account, error) {
	a := config.Account{
		Owner: strings.TrimSpace(given.GetOwner()), Ticket: strings.TrimSpace(given.GetTicket()), Note: strings.TrimSpace(given.GetNote()),
	}
	for _, err := range []error{config.CheckOwner(a.Owner), config.CheckTicket(a.Ticket), config.CheckNote(a.Note)} {
		if err != nil {
			return config.Account{}, err
		}
	}
	if given.GetExpiresAt() == nil {
		return a, nil
	}
	a.Expires = given.GetExpiresAt().AsTime().Truncate(time.Second)
	if given.GetExpiresAt().CheckValid() != nil || !a.Expires.After(date) {
		return config.Account{}, reason.New(reason.ExpiryInvalid,
			"value", a.Expires.Format(time.RFC3339), "date", date.UTC().Format(time.RFC3339))
	}
	return a, nil
}

// tellAccount writes into an answer what accounts for an entry.
func tellAccount(to *adminv1.AllowedHost, a config.Account, date time.Time) {
	to.Owner, to.Ticket, to.Note = a.Owner, a.Ticket, a.Note
	to.ExpiresAt, to.Expired = timestamp(a.Expires), a.HasExpired(date)
}

// expired is HOST_EXPIRED for a host of c that has expired at date, else nil.
func expired(c config.Config, pattern hostname.Pattern, date time.Time) *reason.Error {
	h, found := configured(c, pattern)
	if !found || !h.Account.HasExpired(date) {
		return nil
	}
	return reason.New(reason.HostExpired, "host", pattern.String(), "expires", h.Account.Expires.Format(time.RFC3339))
}
