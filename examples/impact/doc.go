// Command impact asks a graph of configuration items (CIs) what a failure brings about, why, and
// what the single points of failure are.
//
//	go run ./examples/impact                                  # a small company that is made up
//	go run ./examples/impact -fail 'Aachen A storage' -picture storage.svg
//	go run ./examples/impact -single 'taking orders'
//	go run ./examples/impact -causes 'payroll,web shop'
//	go run ./examples/impact -generate 100000 -seed 7
//	go run ./examples/impact -netbox dump.json.gz
//	go run ./examples/impact -debian folder -fail libpam-systemd
//
// -netbox reads what NetBox's `manage.py dumpdata` writes. Its cables do not say which end needs the other, so that nothing
// fails over them but power. The folder of -debian holds the dependencies
// of packages as two tables, nodes.tsv.gz (id, name, section, ...) and edges.tsv.gz (owner, group, member), where
// one member of a group suffices; groups whose name begins with R are recommendations.
//
// company.go and load.go turn each of these into a graph, which is all that a host has to write; the
// questions in report.go are calls of package impact.
package main
