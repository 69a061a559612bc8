package memory

import "time"

// instant gives the time of microseconds as the library keeps it, and micros its opposite.
func instant(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

func micros(t time.Time) int64 { return t.UnixMicro() }
