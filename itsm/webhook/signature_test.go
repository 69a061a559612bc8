package webhook_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/webhook"
)

func secret(t testing.TB, s string) webhook.Secret {
	t.Helper()
	parsed, err := webhook.ParseSecret(s)
	require.NoError(t, err)
	return parsed
}

// The vector is that of the reference libraries of Standard Webhooks 1.0.0.
func TestASignatureIsThatOfTheReferenceLibraries(t *testing.T) {
	s, at, body := secret(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", webhook.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body, s))
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", webhook.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body, secret(t, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")))
}

func signed(at time.Time, body string, secrets ...webhook.Secret) http.Header {
	h := http.Header{}
	h.Set(webhook.HeaderID, "msg_1")
	h.Set(webhook.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(webhook.HeaderSignature, webhook.Sign("msg_1", at, []byte(body), secrets...))
	return h
}

func TestOnlyWhatIsSignedNowAndAsItIsIsVerified(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	old, current := secret(t, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), secret(t, base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
	const body = `{"a":1}`
	set := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	for name, c := range map[string]struct {
		change  func(http.Header)
		body    string
		now     time.Time
		secrets []webhook.Secret
		ok      bool
	}{
		"as it was sent":              {ok: true},
		"with several secrets":        {secrets: []webhook.Secret{current, old}, ok: true},
		"after a rotation":            {secrets: []webhook.Secret{current}},
		"without a secret":            {secrets: []webhook.Secret{{}}},
		"another body":                {body: `{"a":2}`},
		"a space more":                {body: `{"a": 1}`},
		"another id":                  {change: set(webhook.HeaderID, "msg_2")},
		"no id":                       {change: set(webhook.HeaderID, "")},
		"no timestamp":                {change: set(webhook.HeaderTimestamp, "")},
		"no signature":                {change: set(webhook.HeaderSignature, "")},
		"another timestamp":           {change: set(webhook.HeaderTimestamp, "1700000001")},
		"a timestamp that is none":    {change: set(webhook.HeaderTimestamp, "+1700000000")},
		"too old":                     {now: now.Add(webhook.Tolerance + time.Second)},
		"old, within the tolerance":   {now: now.Add(webhook.Tolerance), ok: true},
		"too new":                     {now: now.Add(-webhook.Tolerance - time.Second)},
		"a scheme that is not known":  {change: set(webhook.HeaderSignature, strings.Replace(signed(now, body, old).Get(webhook.HeaderSignature), "v1,", "v2,", 1))},
		"a signature that is no text": {change: set(webhook.HeaderSignature, "v1,%%%")},
		"several signatures": {change: func(h http.Header) {
			h.Set(webhook.HeaderSignature, "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v1a,x "+h.Get(webhook.HeaderSignature)+" v1,")
		}, ok: true},
		"only wrong signatures": {change: set(webhook.HeaderSignature, "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v1,")},
	} {
		t.Run(name, func(t *testing.T) {
			h := signed(now, body, old)
			if c.change != nil {
				c.change(h)
			}
			if c.body == "" {
				c.body = body
			}
			if c.now.IsZero() {
				c.now = now
			}
			if c.secrets == nil {
				c.secrets = []webhook.Secret{old}
			}
			id, err := webhook.Verify(h, []byte(c.body), c.now, c.secrets...)
			if c.ok {
				require.NoError(t, err)
				require.Equal(t, "msg_1", id)
				return
			}
			require.ErrorIs(t, err, webhook.ErrNotVerified)
			require.Empty(t, id)
		})
	}
}

func TestASecretDoesNotShowItself(t *testing.T) {
	const plain = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	s := secret(t, plain)
	require.Equal(t, plain, s.Reveal())
	raw, err := json.Marshal(struct{ S webhook.Secret }{s})
	require.NoError(t, err)
	for _, shown := range []string{string(raw), s.String(), fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s), fmt.Sprintf("%+v", struct{ S webhook.Secret }{s})} {
		require.NotContains(t, shown, "MfKQ")
		require.NotContains(t, shown, "31")
	}
	require.Empty(t, webhook.Secret{}.Reveal())
	for _, bad := range []string{"", "whsec_", "whsec_%%%", "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23)), "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65))} {
		_, err := webhook.ParseSecret(bad)
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
}

func TestASealedSecretIsOpenedByItsKeyAndNameAlone(t *testing.T) {
	one, err := webhook.NewSealer(make([]byte, 32))
	require.NoError(t, err)
	other, err := webhook.NewSealer([]byte(strings.Repeat("x", 32)))
	require.NoError(t, err)
	sealed, err := one.Seal([]byte("plain"), "a")
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "plain")
	plain, err := one.Open(sealed, "a")
	require.NoError(t, err)
	require.Equal(t, "plain", string(plain))
	for _, open := range []func() ([]byte, error){
		func() ([]byte, error) { return one.Open(sealed, "b") }, func() ([]byte, error) { return other.Open(sealed, "a") },
		func() ([]byte, error) { return one.Open(sealed[:5], "a") }, func() ([]byte, error) { return one.Open(nil, "a") },
	} {
		_, err := open()
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
	_, err = webhook.NewSealer(make([]byte, 5))
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func FuzzVerify(f *testing.F) {
	s := secret(f, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	now := time.Unix(1_700_000_000, 0)
	good := signed(now, "{}", s).Get(webhook.HeaderSignature)
	f.Add("msg_1", "1700000000", good, []byte("{}"))
	f.Add("msg_1", "1700000000", "v1, v1,AAAA v2,x "+good, []byte("{}"))
	f.Add("msg_1", "1700000000", good[:len(good)-2]+string(good[len(good)-2]+1)+"=", []byte("{}")) // bits past the last byte
	f.Add("", "99999999999999999999", "v1", []byte{})
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte) {
		h := http.Header{webhookKey(webhook.HeaderID): {id}, webhookKey(webhook.HeaderTimestamp): {timestamp}, webhookKey(webhook.HeaderSignature): {signature}}
		got, err := webhook.Verify(h, body, now, s)
		if err != nil {
			require.ErrorIs(t, err, webhook.ErrNotVerified)
			require.Empty(t, got)
			return
		}
		// Whatever is verified is what would be signed.
		seconds, err := strconv.ParseInt(timestamp, 10, 64)
		require.NoError(t, err)
		require.Contains(t, strings.Fields(signature), webhook.Sign(id, time.Unix(seconds, 0), body, s))
		require.Equal(t, id, got)
	})
}

func webhookKey(name string) string { return http.CanonicalHeaderKey(name) }
