package call

import (
	"strings"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// flowApplications are the applications that decide where a call goes on, and those that keep something.
func flowApplications() map[string]app {
	return map[string]app{
		"transfer": appTransfer, "execute_extension": appExecuteExtension, "intercept": appIntercept,
		"hash": appHash, "db": appDB, "group": appGroup,
		"limit": appLimit, "limit_hash": appLimit, "limit_execute": appLimitExecute, "limit_release": appLimitRelease,
		"sched_hangup": appSchedHangup, "sched_transfer": appSchedTransfer, "sched_cancel": appSchedCancel,
		"redirect": appRedirect, "deflect": appDeflect, "privacy": appPrivacy,
		"set_user": appSetUser, "set_profile_var": appSetProfileVar, "push": appPush, "eval": appEval, "event": appEvent,
		"acknowledge_call": appAcknowledge, "socket": appSocket,
	}
}

// appEval does nothing: its use is what the expansion of its data does.
func appEval(*Channel, dialplan.Expanded) string { return responseNone }

// appAcknowledge acknowledges the call to the caller; the signalling did that when the call came (100 Trying).
func appAcknowledge(*Channel, dialplan.Expanded) string { return responseNone }

// appPush is push NAME=VALUE: one more value of a variable that has several.
func appPush(ch *Channel, data dialplan.Expanded) string {
	name, value, ok := assignment(data)
	if ok && name != "" {
		if old := ch.vars.value(name); len(arrayValues(old)) < maxValues {
			ch.vars.push(name, strings.ReplaceAll(value.String(), "|", ""))
		}
	}
	return responseNone
}

// maxValues bounds the values of a variable that has several.
const maxValues = 256

// appSetUser is set_user USER@DOMAIN [PREFIX]: the call gets the variables of that user of the directory.
func appSetUser(ch *Channel, data dialplan.Expanded) string {
	words := data.Words(2)
	if len(words) == 0 || ch.core.cfg.UserVars == nil {
		return responseNone
	}
	user, domain, ok := strings.Cut(words[0].String(), "@")
	prefix := ""
	if len(words) > 1 {
		prefix = words[1].String()
	}
	vars, found := ch.core.cfg.UserVars(user, domain)
	if !ok || !found {
		ch.log.Warn("set_user: no such user", "user", headerText(words[0].String()))
		return responseNone
	}
	ch.vars.set(Variable{Name: prefix + "user_name", Value: user, Wire: words[0].Wire()})
	ch.vars.set(Variable{Name: prefix + "domain_name", Value: domain, Wire: words[0].Wire()})
	for _, v := range vars {
		v.Name = prefix + v.Name
		ch.vars.set(v)
	}
	return responseNone
}

// appSetProfileVar is set_profile_var FIELD=VALUE: a field of the caller profile.
func appSetProfileVar(ch *Channel, data dialplan.Expanded) string {
	name, value, _ := assignment(data)
	p, text := ch.ownProfile(), headerText(value.String())
	fields := map[string]*string{"username": &p.Username, "caller_id_name": &p.CallerName, "caller_id_number": &p.CallerNumber,
		"callee_id_name": &p.CalleeName, "callee_id_number": &p.CalleeNumber, "ani": &p.ANI, "rdnis": &p.RDNIS,
		"destination_number": &p.Destination, "context": &p.Context, "dialplan": &p.Dialplan}
	field, ok := fields[strings.ToLower(name)]
	if !ok {
		ch.log.Warn("set_profile_var: no such field", "field", name)
		return responseNone
	}
	*field = text
	return responseNone
}

// appEvent is event NAME=VALUE,…: it sends an event with the channel's headers and these. Event-Name and Event-Subclass name it.
func appEvent(ch *Channel, data dialplan.Expanded) string {
	name, subclass := "CHANNEL_APPLICATION", ""
	var headers extra
	for _, part := range data.Split(',', maxEventHeaders) {
		header, value, ok := assignment(part)
		text := headerText(value.String())
		switch {
		case !ok || header == "" || strings.ContainsAny(header, ":\r\n"):
		case strings.EqualFold(header, "Event-Name"):
			name = strings.ToUpper(text)
		case strings.EqualFold(header, "Event-Subclass"):
			subclass = text
		default:
			headers = append(headers, [2]string{header, text})
		}
	}
	if subclass != "" {
		name, headers = "CUSTOM", append(extra{{"Event-Subclass", subclass}}, headers...)
	}
	ch.emit(eventSpec{name: name, subclass: subclass, origin: from("mod_dptools.c", "event_function", 0), before: headers, vars: true})
	return responseNone
}

// maxEventHeaders bounds what one event of the dialplan says.
const maxEventHeaders = 256
