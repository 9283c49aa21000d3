package cdr

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/media"
)

// jsonSink is mod_json_cdr: a file for each leg, or one file of lines.
type jsonSink struct {
	id    Identity
	cfg   config.JSONRecords
	dir   string // cfg.Dir, or the folder of this rotation
	lines *file
}

// replace is the sink of another configuration.
func (s *jsonSink) replace(id Identity, cfg config.JSONRecords) *jsonSink {
	s.close()
	if !cfg.Enabled {
		return nil
	}
	s = &jsonSink{id: id, cfg: cfg}
	s.choose()
	return s
}

// choose names the folder and the file of lines.
func (s *jsonSink) choose() {
	s.dir = s.cfg.Dir
	if s.cfg.Rotate {
		s.dir = filepath.Join(s.dir, time.Now().Format(rotated))
	}
	if s.cfg.LinesFile != "" {
		s.lines = &file{path: filepath.Join(s.dir, s.cfg.LinesFile)}
	}
}

// wants says whether a leg is recorded: log-b-leg, or the leg insists by force_process_cdr.
func (s *jsonSink) wants(r *call.Record) bool {
	if s == nil {
		return false
	}
	if s.cfg.LogB || !r.Originator {
		return true
	}
	force, _ := r.Lookup("force_process_cdr")
	return force.Value == "true"
}

// write writes the leg's record.
func (s *jsonSink) write(r *call.Record) error {
	line, err := s.line(r)
	if err != nil {
		return err
	}
	if s.lines != nil {
		return s.lines.append(line)
	}
	prefix := ""
	if s.cfg.PrefixA && !r.Originator {
		prefix = "a_"
	}
	if err := os.MkdirAll(s.dir, dirMode); err != nil {
		return err
	}
	path := filepath.Join(s.dir, prefix+r.UUID+".cdr.json")
	if err := os.WriteFile(path, line, fileMode); err != nil {
		os.Remove(path) // half a record is none
		return err
	}
	return nil
}

func (s *jsonSink) reopen() error {
	if s != nil {
		s.close()
		s.choose()
	}
	return nil
}

func (s *jsonSink) close() {
	if s != nil && s.lines != nil {
		s.lines.close()
	}
}

// The shape of a record, in the order of switch_ivr_generate_json_cdr.
type (
	recordJSON struct {
		CoreUUID    string         `json:"core-uuid"`
		Switchname  string         `json:"switchname"`
		ChannelData channelJSON    `json:"channel_data"`
		CallStats   *callStatsJSON `json:"callStats,omitempty"`
		Variables   pairs          `json:"variables"`
		AppLog      *appLogJSON    `json:"app_log,omitempty"`
		Callflow    []chapterJSON  `json:"callflow"`
	}
	channelJSON struct {
		State       string `json:"state"`
		Direction   string `json:"direction"`
		StateNumber string `json:"state_number"`
	}
	callStatsJSON struct {
		Audio struct {
			Inbound  inboundJSON  `json:"inbound"`
			Outbound outboundJSON `json:"outbound"`
		} `json:"audio"`
	}
	// inboundJSON has what is measured; the last four are Talkpath's own.
	inboundJSON struct {
		RawBytes    uint64  `json:"raw_bytes"`
		PacketCount uint64  `json:"packet_count"`
		Quality     float64 `json:"quality_percentage"`
		MOS         float64 `json:"mos"`
		Lost        int64   `json:"lost_packet_count"`
		LossPercent float64 `json:"loss_percent"`
		JitterMS    float64 `json:"jitter_ms"`
		RTTMS       float64 `json:"rtt_ms"`
	}
	outboundJSON struct {
		RawBytes    uint64 `json:"raw_bytes"`
		PacketCount uint64 `json:"packet_count"`
	}
	appLogJSON struct {
		Applications []appJSON `json:"applications"`
	}
	appJSON struct {
		Name  string `json:"app_name"`
		Data  string `json:"app_data"`
		Stamp string `json:"app_stamp"`
	}
	chapterJSON struct {
		Dialplan      string      `json:"dialplan,omitempty"`
		ProfileIndex  string      `json:"profile_index,omitempty"`
		CallerProfile profileJSON `json:"caller_profile"`
		Times         pairs       `json:"times"`
	}
	profileJSON struct {
		Username     string          `json:"username"`
		Dialplan     string          `json:"dialplan"`
		CallerName   string          `json:"caller_id_name"`
		ANI          string          `json:"ani"`
		ANIII        string          `json:"aniii"`
		CallerNumber string          `json:"caller_id_number"`
		NetworkAddr  string          `json:"network_addr"`
		RDNIS        string          `json:"rdnis"`
		Destination  string          `json:"destination_number"`
		UUID         string          `json:"uuid"`
		Source       string          `json:"source"`
		Context      string          `json:"context"`
		Channel      string          `json:"chan_name"`
		Originator   *originatorJSON `json:"originator,omitempty"`
		Originatee   *originateeJSON `json:"originatee,omitempty"`
	}
	originatorJSON struct {
		Profiles []profileJSON `json:"originator_caller_profiles"`
	}
	originateeJSON struct {
		Profiles []profileJSON `json:"originatee_caller_profiles"`
	}
)

// line is the record as one line.
func (s *jsonSink) line(r *call.Record) ([]byte, error) {
	rec := recordJSON{CoreUUID: s.id.CoreUUID, Switchname: s.id.Switchname,
		ChannelData: channelJSON{r.State, r.Direction, strconv.Itoa(r.StateNumber)}}
	if r.Media != nil {
		rec.CallStats = callStats(r.Media)
	}
	for _, v := range r.Variables {
		if isSecret(v.Name) {
			continue
		}
		value := conceal(v.Value)
		if s.cfg.EncodeValues {
			value = esl.EncodeURL(value)
		}
		rec.Variables = append(rec.Variables, [2]string{v.Name, value})
	}
	if len(r.Applications) > 0 {
		rec.AppLog = &appLogJSON{}
		for _, a := range r.Applications {
			rec.AppLog.Applications = append(rec.AppLog.Applications, appJSON{a.Name, conceal(a.Data), micros(a.At)})
		}
	}
	for _, c := range r.Callflow {
		rec.Callflow = append(rec.Callflow, chapterOf(c))
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(rec)
	return b.Bytes(), err
}

func callStats(m *media.Stats) *callStatsJSON {
	var s callStatsJSON
	s.Audio.Inbound = inboundJSON{RawBytes: m.BytesIn, PacketCount: m.PacketsIn, MOS: hundredths(m.MOS), Lost: max(m.Lost, 0),
		LossPercent: hundredths(m.LossPercent), JitterMS: hundredths(m.Jitter), RTTMS: hundredths(float64(m.RTT) / float64(time.Millisecond))}
	if m.PacketsIn > 0 {
		s.Audio.Inbound.Quality = hundredths(100 - m.LossPercent)
	}
	s.Audio.Outbound = outboundJSON{m.BytesOut, m.PacketsOut}
	return &s
}

// hundredths rounds to two digits.
func hundredths(x float64) float64 { return float64(int64(x*100+0.5)) / 100 }

func chapterOf(c call.Chapter) chapterJSON {
	out := chapterJSON{Dialplan: c.Dialplan, CallerProfile: profileOf(c), Times: pairs{
		{"created_time", micros(c.Created)}, {"profile_created_time", micros(c.ProfileCreated)}, {"progress_time", micros(c.Progress)},
		{"progress_media_time", micros(c.ProgressMedia)}, {"answered_time", micros(c.Answered)}, {"bridged_time", micros(c.Bridged)},
		{"last_hold_time", micros(c.LastHold)}, {"hold_accum_time", strconv.FormatInt(c.HoldAccum.Microseconds(), 10)},
		{"hangup_time", micros(c.Hangup)}, {"resurrect_time", "0"}, {"transfer_time", "0"},
	}}
	if c.ProfileIndex > 0 {
		out.ProfileIndex = strconv.Itoa(c.ProfileIndex)
	}
	if c.OriginatorProfile != nil {
		out.CallerProfile.Originator = &originatorJSON{[]profileJSON{profileOf(*c.OriginatorProfile)}}
	}
	if c.OriginateeProfile != nil {
		out.CallerProfile.Originatee = &originateeJSON{[]profileJSON{profileOf(*c.OriginateeProfile)}}
	}
	return out
}

func profileOf(c call.Chapter) profileJSON {
	return profileJSON{Username: c.Username, Dialplan: c.Dialplan, CallerName: c.CallerName, ANI: c.ANI, CallerNumber: c.CallerNumber,
		NetworkAddr: c.NetworkAddr, RDNIS: c.RDNIS, Destination: c.Destination, UUID: c.UUID, Source: c.Source, Context: c.Context, Channel: c.Channel}
}

// micros is a time in microseconds, "0" for one that never came.
func micros(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return strconv.FormatInt(t.UnixMicro(), 10)
}

// pairs is a JSON object that keeps its order.
type pairs [][2]string

// MarshalJSON implements json.Marshaler.
func (p pairs) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, kv := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(kv[0])
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(kv[1])
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
