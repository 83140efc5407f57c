package adminapi

import (
	"context"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/settings"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

type settingService struct {
	adminv1.UnimplementedSettingServiceServer
	gateway Gateway
}

func (s *settingService) ListSettings(context.Context, *adminv1.ListSettingsRequest) (*adminv1.ListSettingsResponse, error) {
	now := s.gateway.Store.Current()
	resp := &adminv1.ListSettingsResponse{Etag: now.Etag}
	for _, row := range config.Table() {
		resp.Settings = append(resp.Settings, setting(row, now))
	}
	return resp, nil
}

func (s *settingService) GetSetting(_ context.Context, req *adminv1.GetSettingRequest) (*adminv1.GetSettingResponse, error) {
	row, err := config.Lookup(req.GetKey())
	if err != nil {
		return nil, err
	}
	now := s.gateway.Store.Current()
	return &adminv1.GetSettingResponse{Setting: setting(row, now), Etag: now.Etag}, nil
}

func (s *settingService) SetSetting(ctx context.Context, req *adminv1.SetSettingRequest) (*adminv1.SetSettingResponse, error) {
	row, err := config.Lookup(req.GetKey())
	if err != nil {
		return nil, err
	}
	err = authorize(ctx, s.gateway.Events, adminv1.SettingService_SetSetting_FullMethodName, needsOf(row))
	if err != nil {
		return nil, err
	}
	change, err := s.gateway.changeFor(ctx, req)
	if err != nil {
		return nil, err
	}
	before, after, err := s.gateway.Store.Update(ctx, change, func(c *config.Config) error {
		if isInForce(s.gateway.Store.Current(), row.Key, req.GetValue()) {
			return nil
		}
		return c.Settings.Set(row.Key, req.GetValue())
	})
	if err != nil {
		return nil, err
	}
	resp := &adminv1.SetSettingResponse{
		Setting:       setting(row, after),
		Etag:          after.Etag,
		PreviousValue: setting(row, before).GetValue(),
		Preview:       s.gateway.preview(req, before, after),
		OnTrial:       s.gateway.onTrial(),
	}
	if row.Key == "ListenPort" || row.Key == "ListenAddress" || row.Key == "MaxConnections" {
		resp.Warnings = s.gateway.warnings(after)
	}
	return resp, nil
}

// needsOf says who may change a setting.
func needsOf(row config.Setting) needs {
	n := needs{row.Role, anywhere}
	if row.LocalOnly {
		n.from = localOnly
	}
	return n
}

// isInForce reports whether the command line fixes the setting at just this value, so that there is nothing to refuse.
func isInForce(now *settings.Snapshot, key, value string) bool {
	wanted := now.Settings
	return now.Fixed(key) && wanted.Set(key, value) == nil && wanted.Get(key) == now.Settings.Get(key)
}

func setting(row config.Setting, now *settings.Snapshot) *adminv1.Setting {
	return &adminv1.Setting{
		Key:          row.Key,
		Value:        now.Settings.Get(row.Key),
		DefaultValue: row.Default,
		Description:  row.Help,
		Type:         settingTypes[row.Type],
		Minimum:      row.Min,
		Maximum:      row.Max,
		Unit:         row.Unit,
		Choices:      row.Choices,
		Fixed:        now.Fixed(row.Key),
		Access:       &adminv1.Access{Role: roles[row.Role], LocalOnly: row.LocalOnly},
		Layer:        settingLayers[now.Layers[row.Key]],
	}
}

// settingLayers has a layer for each source, and the default for none.
var settingLayers = map[policy.SourceKind]adminv1.Setting_Layer{
	"":                 adminv1.Setting_DEFAULT,
	policy.Local:       adminv1.Setting_LOCAL,
	policy.CommandLine: adminv1.Setting_COMMAND_LINE,
}

var roles = map[caller.Role]adminv1.Access_Role{
	caller.Read:       adminv1.Access_READ,
	caller.Change:     adminv1.Access_CHANGE,
	caller.Administer: adminv1.Access_ADMINISTER,
}

var settingTypes = map[config.Type]adminv1.Setting_Type{
	config.Number:  adminv1.Setting_NUMBER,
	config.Choice:  adminv1.Setting_CHOICE,
	config.Address: adminv1.Setting_ADDRESS,
	config.Hosts:   adminv1.Setting_HOSTS,
}
