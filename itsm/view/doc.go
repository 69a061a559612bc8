// Package view keeps the lists that people save: which records of a kind, in which order, with which
// columns.
//
// A [View] belongs to the person who made it, and may be shared with groups or with the whole tenant.
// Its condition is that of package storage in its JSON form, checked against the table of the kind, in
// which "{me}" and "{my_groups}" stand for whoever runs it. Running one gives the parts of a query
// ([Query]) for the list of the practice that has the records: the practice authorises it and narrows
// it to what its reader may see, as it does every query. So a view says what is asked for, never who
// may see the answer, and sharing one shares no record.
//
// Each person pins views and puts them in an order of their own: [Practice.Pin].
//
//	q, err := views.Run(ctx, actor, id)
//	where, err := incidents.Table().Where(q.Where)
//	page, err := incidents.List(ctx, actor, incident.Query{Where: where, Order: q.Order})
package view
