package talkpath

import (
	"slices"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/event"
)

// sofiaOrigins are the places in FreeSWITCH that send the sofia:: events, as its events name them.
var sofiaOrigins = map[string]event.Origin{
	"sofia::pre_register":     {File: "sofia_reg.c", Function: "sofia_reg_handle_register_token", Line: 1810},
	"sofia::register_attempt": {File: "sofia_reg.c", Function: "sofia_reg_handle_register_token", Line: 1606},
	"sofia::register":         {File: "sofia_reg.c", Function: "sofia_reg_handle_register_token", Line: 2059},
	"sofia::register_failure": {File: "sofia_reg.c", Function: "sofia_reg_handle_register_token", Line: 1792},
	"sofia::unregister":       {File: "sofia_reg.c", Function: "sofia_reg_handle_register_token", Line: 2213},
	"sofia::expire":           {File: "sofia_reg.c", Function: "sofia_reg_del_callback", Line: 726},
}

// publishSofia puts a CUSTOM event of a profile on the bus.
func (ex *exchange) publishSofia(subclass string, headers [][2]string) {
	e := ex.bus.NewEvent("CUSTOM", sofiaOrigins[subclass])
	e.Headers = slices.Insert(e.Headers, 0, esl.Header{Name: "Event-Subclass", Value: subclass})
	for _, h := range headers {
		e.Add(h[0], h[1])
	}
	ex.bus.Publish(e)
}
