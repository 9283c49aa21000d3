package profile

import (
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/sip"
)

// causeOf is the hang-up cause of a SIP failure status, as FreeSWITCH maps them (after RFC 3398 §8.2.6.1).
func causeOf(status int) call.Cause {
	switch status {
	case 200:
		return call.NormalClearing
	case 401, 402, 403, 407, 603, 608:
		return call.CallRejected
	case 404:
		return call.UnallocatedNumber
	case 300, 301, 302, 305, 380:
		return call.Redirection
	case 485, 604:
		return call.NoRouteDestination
	case 408, 504:
		return call.RecoveryOnTimerExpire
	case 410:
		return call.NumberChanged
	case 413, 414, 416, 420, 421, 423, 505, 513:
		return call.Interworking
	case 480:
		return call.NoUserResponse
	case 400, 481, 500, 503:
		return call.NormalTemporaryFailure
	case 486, 600:
		return call.UserBusy
	case 484:
		return call.InvalidNumberFormat
	case 488, 606:
		return call.IncompatibleDest
	case 502:
		return call.NetworkOutOfOrder
	case 405:
		return call.ServiceUnavailable
	case 406, 415, 501:
		return call.ServiceNotImplemented
	case 482, 483:
		return call.ExchangeRoutingError
	case 487:
		return call.OriginatorCancel
	case 428:
		return call.NoIdentity
	case 429:
		return call.BadIdentityInfo
	case 437:
		return call.UnsupportedCertificate
	case 438:
		return call.InvalidIdentity
	case 607:
		return call.Unwanted
	}
	return call.NormalUnspecified
}

// statusOf is the SIP status that refuses a call for a cause, as FreeSWITCH maps them (after RFC 3398 §7.2.4.1).
func statusOf(cause call.Cause) int {
	switch cause {
	case call.NoRouteTransitNet, call.NoRouteDestination, call.UnallocatedNumber:
		return 404
	case call.UserBusy:
		return 486
	case call.NoUserResponse:
		return 408
	case call.CallRejected, call.Decline:
		return 603
	case call.NumberChanged, call.Redirection:
		return 410
	case call.DestinationOutOfOrder:
		return 502
	case call.ExchangeRoutingError:
		return 483
	case call.InvalidNumberFormat:
		return 484
	case call.FacilityRejected, call.FacilityNotImplemented, call.ServiceNotImplemented:
		return 501
	case call.RequestedChanUnavail, call.NormalCircuitCong, call.NetworkOutOfOrder, call.NormalTemporaryFailure, call.SwitchCongestion,
		call.GatewayDown, call.BearerCapNotAvail, call.SystemShutdown:
		return 503
	case call.OutgoingCallBarred, call.IncomingCallBarred, call.BearerCapNotAuth, call.StaleDate:
		return 403
	case call.BearerCapNotImpl, call.IncompatibleDest:
		return 488
	case call.RecoveryOnTimerExpire:
		return 504
	case call.OriginatorCancel:
		return 487
	case call.BusyEverywhere:
		return 600
	case call.DoesNotExistAnywhere:
		return 604
	case call.NotAcceptable:
		return 606
	case call.Unwanted:
		return 607
	case call.NoIdentity:
		return 428
	case call.BadIdentityInfo:
		return 429
	case call.UnsupportedCertificate:
		return 437
	case call.InvalidIdentity:
		return 438
	case call.RejectAll:
		return 608
	}
	return 480
}

// reasonHeader is the Reason of a cause (RFC 3326): Q.850 up to its last number, SIP for FreeSWITCH's own causes.
func reasonHeader(cause call.Cause) sip.Header {
	if cause == "" {
		cause = call.NormalClearing
	}
	n := cause.Q850()
	protocol := "Q.850"
	if n > 127 {
		protocol = "SIP"
	}
	return sip.NewHeader("Reason", protocol+";cause="+strconv.Itoa(n)+`;text="`+string(cause)+`"`)
}

// reasonCause reads the cause of a Reason header with the protocol Q.850; ok is false when there is none.
func reasonCause(req sip.Message) (call.Cause, bool) {
	for _, h := range headers(req, "Reason") {
		protocol, params, _ := strings.Cut(h.Value(), ";")
		if !strings.EqualFold(strings.TrimSpace(protocol), "Q.850") {
			continue
		}
		for p := range strings.SplitSeq(params, ";") {
			k, v, _ := strings.Cut(p, "=")
			if n, err := strconv.Atoi(strings.TrimSpace(v)); strings.EqualFold(strings.TrimSpace(k), "cause") && err == nil && n > 0 && n < 128 {
				return call.ParseCause(strconv.Itoa(n))
			}
		}
	}
	return "", false
}
