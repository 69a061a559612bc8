package impact_test

import (
	"context"
	"fmt"

	"github.com/itsmkit/itsmkit/cmdb/impact"
)

var ctx = context.Background()

// shop is a web shop: two web servers of which one is enough, a database, and reports that can do
// without it for a while.
func shop() *impact.Snapshot {
	l, err := impact.NewLoader([]impact.Kind{
		{Name: "depends on", Flow: impact.ToSource, Propagation: impact.Full},
		{Name: "powers", Flow: impact.ToTarget, Propagation: impact.Full},
		{Name: "uses", Flow: impact.ToSource, Propagation: impact.Soften},
	})
	if err != nil {
		panic(err)
	}
	for _, id := range []string{"shop", "reports", "web1", "web2", "db", "host1", "host2", "pdu"} {
		l.CI(id)
	}
	l.Group(impact.Group{Owner: "shop", Kind: "depends on", Name: "web", Members: impact.Members("web1", "web2"), Need: impact.AtLeast(1)})
	for _, r := range []impact.Relation{
		{Source: "shop", Kind: "depends on", Target: "db"},
		{Source: "reports", Kind: "uses", Target: "db"},
		{Source: "web1", Kind: "depends on", Target: "host1"},
		{Source: "web2", Kind: "depends on", Target: "host2"},
		{Source: "db", Kind: "depends on", Target: "host2"},
		{Source: "pdu", Kind: "powers", Target: "host1"},
		{Source: "pdu", Kind: "powers", Target: "host2"},
	} {
		l.Relation(r)
	}
	s, err := l.Snapshot(1)
	if err != nil {
		panic(err)
	}
	return s
}

func Example() {
	s := shop()
	r, err := s.Impact(impact.Failed("host1"), impact.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, one := range r.List() {
		fmt.Println(one.ID, one.State)
	}
	// Output:
	// web1 down
	// shop at-risk
}

func ExampleResult_Explain() {
	s := shop()
	failures := impact.Failed("pdu")
	r, err := s.Impact(failures, impact.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	proof, err := r.Explain("shop")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(proof)
	fmt.Println("accepted:", impact.Check(s, failures, impact.Options{}, proof) == nil)
	// Output:
	// shop is down: depends on
	//   db is down: depends on
	//     host2 is down: powers
	//       pdu is down: it failed by itself
	// accepted: true
}

func ExampleResult_WhyNot() {
	r, err := shop().Impact(impact.Failed("host1"), impact.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	why, err := r.WhyNot("shop")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(why.ID, "is", why.State)
	for _, support := range why.Supports {
		if !support.Relation {
			fmt.Printf("%s: %d of %d needed, %d lost, %d to spare\n", support.Group, support.Need, support.Total, support.Lost, support.Spare)
		}
	}
	// Output:
	// shop is at-risk
	// web: 1 of 2 needed, 1 lost, 0 to spare
}

// A maintenance that is harmless by itself, and another one that is not at the same time.
func ExampleSnapshot_WhatIf() {
	s := shop()
	window := []impact.Failure{{ID: "host1", State: impact.Down, Planned: true}}
	w, err := s.WhatIf(window, impact.Failed("web2"), impact.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range w.Differences {
		fmt.Printf("%s: %s, would be %s\n", d.ID, d.Before, d.After)
	}
	// Output:
	// web2: ok, would be down
	// shop: at-risk, would be down
}

func ExampleSnapshot_SinglePoints() {
	p, err := shop().SinglePoints(ctx, "shop", impact.PointOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, point := range p.Points {
		fmt.Println(point.ID)
	}
	// Output:
	// db
	// host2
	// pdu
}

func ExampleSnapshot_Causes() {
	// Among a hundred desktops, what explains both symptoms is worth more than each by itself.
	s := shop()
	var desktops []impact.Edit
	for i := range 100 {
		desktops = append(desktops, impact.AddCI(fmt.Sprintf("desktop%02d", i)))
	}
	s, err := s.Edit(2, desktops...)
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := s.Causes(ctx, impact.Failed("web2", "db"), impact.CauseOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range d.Causes {
		fmt.Printf("%s explains %v of an impact of %d: %.1f\n", c.ID, c.Explains, c.Impact, c.Score)
	}
	// Output:
	// host2 explains [db web2] of an impact of 5: 8.9
	// pdu explains [db web2] of an impact of 8: 7.5
	// web2 explains [web2] of an impact of 1: 6.8
	// db explains [db] of an impact of 3: 5.2
}

func ExampleGraph() {
	g := impact.NewGraph(shop())
	baseline := g.Snapshot()
	_, err := g.Edit(2,
		impact.AddCI("web3"),
		impact.AddCI("host3"),
		impact.Relate(impact.Relation{Source: "web3", Kind: "depends on", Target: "host3"}),
		impact.PutGroup(impact.Group{Owner: "shop", Kind: "depends on", Name: "web", Members: impact.Members("web1", "web2", "web3"), Need: impact.AtLeast(1)}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range []*impact.Snapshot{baseline, g.Snapshot()} {
		r, err := s.Impact(impact.Failed("web1", "web2"), impact.Options{})
		if err != nil {
			fmt.Println(err)
			return
		}
		state, err := r.State("shop")
		fmt.Println("revision", r.Revision(), state, err)
	}
	// Output:
	// revision 1 down <nil>
	// revision 2 at-risk <nil>
}

func ExampleResult_Picture() {
	r, err := shop().Impact(impact.Failed("host1"), impact.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := r.Picture(impact.PictureOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Title)
	for _, a := range p.Arrows {
		fmt.Printf("%s -> %s: %s\n", p.Boxes[a.From].Title, p.Boxes[a.To].Title, a.Label)
	}
	// Output:
	// 1 failed: 1 down, 0 degraded, 1 at risk
	// host1 -> web1: depends on
	// web1 -> shop: depends on (1 of 2)
}
