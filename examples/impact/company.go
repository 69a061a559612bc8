// This file makes up a company: what it does, the applications behind that, and what these run on.

package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/itsmkit/itsmkit/cmdb/impact"
)

// What relations mean: which way a failure flows over them, and what of it passes.
var companyKinds = []impact.Kind{
	{Name: "needs", Flow: impact.ToSource, Propagation: impact.Full},
	{Name: "uses", Flow: impact.ToSource, Propagation: impact.Soften}, // works worse without
	{Name: "runs on", Flow: impact.ToSource, Propagation: impact.Full},
	{Name: "consists of", Flow: impact.ToSource, Propagation: impact.Full},
	{Name: "connects through", Flow: impact.ToSource, Propagation: impact.Full},
	{Name: "is powered by", Flow: impact.ToSource, Propagation: impact.Full},
	{Name: "is in", Flow: impact.ToSource, Propagation: impact.Full},
}

var (
	cities = []string{"Aachen", "Bergen", "Cadiz", "Dublin", "Essen", "Faro", "Ghent", "Hamar"}
	trades = []struct {
		service     string
		criticality int
		application string
	}{
		{"taking orders", 3, "web shop"},
		{"shipping", 3, "warehouse"},
		{"answering customers", 2, "help desk"},
		{"paying salaries", 2, "payroll"},
		{"buying", 1, "purchasing"},
		{"reporting", 1, "statistics"},
	}
)

// company is one that is being made up, in one of its cities.
type company struct {
	*builder
	random *rand.Rand
	city   string
}

// makeCompany makes up a company of about so many CIs.
func makeCompany(size int, seed uint64) (*inventory, error) {
	b, err := newBuilder(fmt.Sprintf("A made-up company, seed %d", seed), companyKinds)
	if err != nil {
		return nil, err
	}
	for i := 0; i == 0 || len(b.class) < size; i++ {
		city := cities[i%len(cities)]
		if again := i / len(cities); again > 0 {
			city = fmt.Sprintf("%s %d", city, again+1)
		}
		company{b, rand.New(rand.NewPCG(seed, uint64(i))), city}.grow(size)
	}
	b.ask = cities[0] + " A storage"
	return b.finish()
}

// grow adds the city: two data centres, and what the company does there, until it is large enough.
func (c company) grow(size int) {
	c.dataCentre(c.city + " A")
	c.dataCentre(c.city + " B")
	signOn := c.program("sign-on", "application", 2)
	mail := c.program("mail", "application", 1)
	for i, t := range trades {
		if i > 1 && len(c.class) >= size {
			return
		}
		service := c.local(t.service)
		c.service(service, "business service", t.criticality)
		app := c.program(t.application, "application", 1+c.random.IntN(3))
		c.relate(service, "needs", app)
		if c.random.IntN(3) > 0 {
			c.relate(service, "uses", mail)
		}
		c.relate(app, "needs", signOn)
		c.relate(app, "needs", c.program(t.application+" database", "database", 1+c.random.IntN(2)))
	}
}

// dataCentre adds a site with its feeds, switches and storage, and a cluster of three hosts of which two must work.
func (c company) dataCentre(site string) {
	add := func(name, class string) string {
		c.add(site+" "+name, class)
		return site + " " + name
	}
	c.add(site, "site")
	feeds := []string{add("feed 1", "power feed"), add("feed 2", "power feed")}
	switches := []string{add("switch 1", "switch"), add("switch 2", "switch")}
	hosts := []string{add("host 1", "host"), add("host 2", "host"), add("host 3", "host")}
	storage, cluster := add("storage", "storage"), add("cluster", "cluster")
	for _, host := range hosts {
		c.either(host, "connects through", switches)
	}
	for _, device := range append(append(hosts, switches...), storage) {
		c.either(device, "is powered by", feeds)
		c.relate(device, "is in", site)
	}
	c.atLeast(2, cluster, "consists of", hosts)
	c.relate(cluster, "needs", storage)
}

// program adds a program with so many virtual machines, in the two data centres by turns. One of them may fail where there
// is more than one: two of three in one data centre look redundant, and are not.
func (c company) program(name, class string, machines int) string {
	name = c.local(name)
	c.add(name, class)
	var all []string
	first := c.random.IntN(2)
	for i := range machines {
		vm := fmt.Sprintf("%s vm %d", name, i+1)
		c.add(vm, "virtual machine")
		c.relate(vm, "runs on", c.city+[]string{" A cluster", " B cluster"}[(first+i)%2])
		all = append(all, vm)
	}
	c.atLeast(max(1, machines-1), name, "runs on", all)
	return name
}

// local tells what the first city has from the same elsewhere.
func (c company) local(name string) string {
	if c.city == cities[0] {
		return name
	}
	return name + " in " + c.city
}

func (c company) relate(source, kind, target string) {
	c.Relation(impact.Relation{Source: source, Kind: kind, Target: target})
}

func (c company) atLeast(need int, owner, kind string, members []string) {
	c.Group(impact.Group{Owner: owner, Kind: kind, Members: impact.Members(members...), Need: impact.AtLeast(need)})
}

// either relates the owner to all, of which one is enough; but here and there somebody has plugged in the first alone.
func (c company) either(owner, kind string, all []string) {
	if c.random.IntN(5) == 0 {
		c.relate(owner, kind, all[0])
	} else {
		c.atLeast(1, owner, kind, all)
	}
}
