// This file holds which addresses may be called, and the client that calls them.

package webhook

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// reserved are the blocks that are not somebody else's host on the internet, beside those that netip
// knows: of the registries of special-purpose addresses of the IANA (RFC 6890), and those that carry an
// IPv4 address within them, behind which a private one could hide.
var reserved = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4",
	"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(all ...string) (parsed []netip.Prefix) {
	for _, s := range all {
		parsed = append(parsed, netip.MustParsePrefix(s))
	}
	return parsed
}

// public says whether an address is one that anybody may call.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// errAddress says no address: who chose the URL must not learn what is behind it.
var errAddress = errors.New("the address is private, local or reserved")

// refusePrivate is called with each address after its name was resolved, before the connection is made.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !public(at.Addr()) {
		return errAddress
	}
	return nil
}

// client gives the client that calls endpoints: the host's, or one of its own.
func client(o *Options) *http.Client {
	c := &http.Client{}
	if o.Client != nil {
		*c = *o.Client
	} else {
		dialer := &net.Dialer{Timeout: o.Timeout}
		if !o.AllowPrivate {
			dialer.Control = refusePrivate
		}
		c.Transport = &http.Transport{
			// No proxy of the environment: it would make the connection past the check.
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: o.Timeout,
			MaxIdleConns: 100, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: maxAnswer,
		}
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Jar = nil
	return c
}

// maxAnswer is how much is read of the headers, and of the body, of an answer, in bytes.
const maxAnswer = 64 << 10
