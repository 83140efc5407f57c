package adminapi

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (s *revisionService) GetTrial(context.Context, *adminv1.GetTrialRequest) (*adminv1.GetTrialResponse, error) {
	return &adminv1.GetTrialResponse{Trial: s.gateway.onTrial()}, nil
}

func (s *revisionService) ConfirmTrial(
	ctx context.Context, req *adminv1.ConfirmTrialRequest,
) (*adminv1.ConfirmTrialResponse, error) {
	how, err := requestFor(ctx, req.GetComment())
	if err != nil {
		return nil, err
	}
	now, err := s.gateway.Store.ConfirmTrial(ctx, how, req.GetId())
	if err != nil {
		return nil, err
	}
	return &adminv1.ConfirmTrialResponse{Etag: now.Etag}, nil
}

func (s *revisionService) CancelTrial(
	ctx context.Context, req *adminv1.CancelTrialRequest,
) (*adminv1.CancelTrialResponse, error) {
	how, err := requestFor(ctx, req.GetComment())
	if err != nil {
		return nil, err
	}
	now, err := s.gateway.Store.CancelTrial(ctx, how, req.GetId())
	if err != nil {
		return nil, err
	}
	return &adminv1.CancelTrialResponse{Etag: now.Etag}, nil
}

func (s *revisionService) ExtendTrial(
	ctx context.Context, req *adminv1.ExtendTrialRequest,
) (*adminv1.ExtendTrialResponse, error) {
	how, err := requestFor(ctx, "")
	if err != nil {
		return nil, err
	}
	if err := s.gateway.Store.ExtendTrial(ctx, how, req.GetId(), req.GetWithin().AsDuration()); err != nil {
		return nil, err
	}
	return &adminv1.ExtendTrialResponse{Trial: s.gateway.onTrial()}, nil
}

// onTrial is nil if no trial runs.
func (g Gateway) onTrial() *adminv1.Trial {
	t, left, ok := g.Store.Trial()
	if !ok {
		return nil
	}
	return &adminv1.Trial{
		Id:       t.ID,
		Caller:   t.Author.Name,
		Via:      t.Author.Via,
		Address:  t.Author.Address,
		Client:   t.Client,
		Comment:  t.Comment,
		Revision: t.Revision,
		BeganAt:  timestamppb.New(t.Began),
		EndsAt:   timestamppb.New(g.Clock.Now().Add(left)),
		TimeLeft: durationpb.New(left),
	}
}
