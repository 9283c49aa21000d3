package event

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/talkpath/talkpath/esl"
)

// BenchmarkPublish is one channel event of usual size for a number of subscribers that read and encode it, as connections do.
func BenchmarkPublish(b *testing.B) {
	for _, subscribers := range []int{0, 1, 20} {
		b.Run(fmt.Sprintf("%d_subscribers", subscribers), func(b *testing.B) {
			bus := NewBus(Identity{CoreUUID: "c", Hostname: "h", Switchname: "h", IPv4: "192.0.2.1", IPv6: "::1"})
			var names [120]string
			for i := range names {
				names[i] = fmt.Sprintf("variable_number_%d", i)
			}
			var readers sync.WaitGroup
			ctx, stop := context.WithCancel(context.Background())
			for range subscribers {
				s := bus.Subscribe(Limit{Events: 1 << 30, Bytes: 1 << 40})
				s.Select(esl.Selection{Names: map[string]bool{"CHANNEL_STATE": true}})
				readers.Go(func() {
					defer s.Close()
					var buf []byte
					for {
						e, err := s.Next(ctx)
						if err != nil {
							return
						}
						buf = e.AppendJSON(buf[:0])
					}
				})
			}
			b.ReportAllocs()
			for b.Loop() {
				if !bus.Wants("CHANNEL_STATE", "") {
					continue
				}
				e := bus.NewEvent("CHANNEL_STATE", Origin{"switch_channel.c", "f", 1})
				for _, name := range names {
					e.Add(name, "a value of thirty characters..")
				}
				bus.Publish(e)
			}
			b.StopTimer()
			stop()
			readers.Wait()
		})
	}
}
