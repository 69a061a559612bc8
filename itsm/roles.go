// This file holds the roles that the library ships.

package itsm

// The names of the roles that [StandardRoles] has.
const (
	RoleServiceDeskAnalyst   RoleName = "service_desk_analyst"
	RoleSupportSpecialist    RoleName = "support_specialist"
	RoleIncidentManager      RoleName = "incident_manager"
	RoleMajorIncidentManager RoleName = "major_incident_manager"
	RoleProblemManager       RoleName = "problem_manager"
	RoleChangeManager        RoleName = "change_manager"
	RoleKnowledgeManager     RoleName = "knowledge_manager"
	RoleServiceLevelManager  RoleName = "service_level_manager"
	RoleAssetManager         RoleName = "asset_manager"
	RoleConfigurationManager RoleName = "configuration_manager"
	RoleChangeImplementer    RoleName = "change_implementer"
	RoleChangeAuthority      RoleName = "change_authority"
	RoleProcessOwner         RoleName = "process_owner"
	RoleServiceOwner         RoleName = "service_owner"
	RoleITServiceManager     RoleName = "it_service_manager"
	RoleRequester            RoleName = "requester"
	RoleProviderTechnician   RoleName = "provider_technician"
	RoleAuditor              RoleName = "auditor"
)

// on grants actions on a kind, in the scopes.
func on(kind string, where []Scope, actions ...string) []Grant {
	grants := make([]Grant, len(actions))
	for i, action := range actions {
		grants[i] = Grant{Permission: Permission(kind + "." + action), Scopes: where}
	}
	return grants
}

func join(lists ...[]Grant) []Grant {
	var all []Grant
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// StandardRoles gives the roles that the library ships, a fresh copy each time: a host takes
// them as they are, or changes and extends them before it makes a [RoleBook]. The manager of
// a practice may do everything in it, see its restricted records too; others get what their
// work needs. Whoever may act on a record may read it.
func StandardRoles() []Role {
	own := []Scope{ScopeRequester}
	mine := []Scope{ScopeGroup, ScopeAssignee}
	asked := []Scope{ScopeMember}
	var all []Scope

	// What everyone who works in IT may look at.
	look := join(
		on("incident", all, "read", "read_internal"), on("major_incident", all, "read"),
		on("interaction", all, "read", "read_internal"),
		on("problem", all, "read", "read_internal"), on("known_error", all, "read", "read_internal"), on("problem_proposal", all, "read"), on("vulnerability", all, "read"),
		on("change", all, "read", "read_internal"), on("change_template", all, "read"),
		on("change_schedule", all, "read"), on("change_window", all, "read"),
		on("request", all, "read", "read_internal"),
		on("knowledge", all, "read", "read_internal", "comment", "flag"),
		on("sla", all, "read"),
		on("ci", all, "read"),
		on("asset", all, "read"),
		on("task", all, "read", "read_internal"),
		on("approval", all, "read", "read_internal"), on("approval", asked, "vote"), on("approval", own, "delegate"),
		on("service", all, "read"),
		on("directory", all, "read", "read_internal"), on("directory_names", all, "read"),
		on("oncall", all, "read"),
		on("settings", all, "read"),
		on("notification", own, "read", "prefer"),
		on("view", all, "read"), on("view", own, "save", "share"),
	)
	// What a person does with the work that is theirs or their group's.
	workIncident := []string{"accept", "start", "reassign", "hold", "change_hold_reason", "resume",
		"reply", "resolve", "reopen", "acknowledge", "restore", "note", "classify", "edit", "do"}
	workIncident = append(workIncident, "escalate", "tag", "attach", "detach", "log_work", "reverse_cost")
	payIncident := []string{"add_cost", "read_costs"}
	workTask := []string{"accept", "start", "reassign", "hold", "resume", "complete", "fail", "note", "edit", "do"}
	propose := on("major_incident", all, "propose")
	workRequest := []string{"assign", "reassign", "fulfil", "hold", "resume", "reply", "note", "edit", "do"}

	// What a person does with the changes that they asked for, or that are their group's, before these are made.
	draftChange := []string{"submit", "edit", "cancel", "reschedule"}

	// What a person does with contacts.
	workInteraction := []string{"take", "assign", "classify", "become", "attach", "reclassify", "answer", "reopen",
		"close", "discard", "restore", "edit", "note"}

	roles := []Role{
		{
			Name: RoleServiceDeskAnalyst, Title: "Service desk analyst",
			Purpose: "First contact for users: logs, classifies, routes and resolves incidents, and handles requests.",
			Grants: join(look,
				propose,
				on("incident", all, append([]string{"log", "assign", "confirm", "cancel", "follow_up", "restrict"}, workIncident...)...),
				on("incident", all, payIncident...),
				on("interaction", all, append([]string{"log"}, workInteraction...)...),
				on("request", all, append([]string{"submit", "request_for", "confirm", "dispute", "withdraw"}, workRequest...)...),
				on("problem", all, "register", "note"),
				on("change", all, "draft", "note"), on("change", own, draftChange...),
				on("knowledge", all, "draft", "revise", "link"),
				on("task", all, "assign", "manage"),
				on("task", mine, workTask...),
				on("oncall", all, "page"),
				on("ci", all, "assess_impact"),
			),
		},
		{
			Name: RoleSupportSpecialist, Title: "Support specialist",
			Purpose: "Second and third line: resolves what is assigned to the own group, analyses problems and drafts changes.",
			Grants: join(look,
				propose,
				on("interaction", all, "log", "note"), on("interaction", mine, workInteraction...),
				on("incident", all, "log", "note", "follow_up"),
				on("incident", mine, append([]string{"assign"}, workIncident...)...),
				on("incident", mine, payIncident...),
				on("request", all, "note"),
				on("request", mine, workRequest...),
				on("problem", all, "register", "note"),
				on("problem", mine, "accept", "analyse", "identify_cause", "record_workaround", "plan_fix", "fix_verified",
					"fix_failed", "record_outcome", "mark_duplicate", "hold", "resume", "close", "recur", "reanalyse", "reanalyse_fixed",
					"classify", "assign", "edit", "do"),
				on("known_error", all, "draft"), on("known_error", mine, "edit"), on("vulnerability", all, "record"),
				on("change", all, "draft", "note"),
				on("change", mine, append([]string{"do"}, draftChange...)...), on("change", own, draftChange...),
				on("knowledge", all, "draft", "revise", "submit", "link"),
				on("ci", all, "propose", "assess_impact"),
				on("task", mine, append([]string{"assign"}, workTask...)...),
				on("oncall", all, "page"), on("oncall", []Scope{ScopeMember}, "override"),
			),
		},
		{
			Name: RoleIncidentManager, Title: "Incident manager",
			Purpose: "Answers for the incident practice: every incident, its priority, its restriction and its import.",
			Grants: join(look,
				propose,
				on("incident", all, "*"), on("task", all, "*"), on("interaction", all, "*"), on("oncall", all, "*"), on("routing", all, "read"), on("notification_rules", all, "read"),
				on("ci", all, "record_outage", "assess_impact"),
				on("incident_template", all, "*"), on("recurrence", all, "read", "manage"), on("view", all, "save", "publish"),
				on("problem", all, "register", "note"),
				on("change", all, "draft", "note"),
				on("knowledge", all, "draft", "revise", "submit", "link"),
				on("sla", all, "explain", "set_due", "draw", "give_back"),
			),
		},
		{
			Name: RoleMajorIncidentManager, Title: "Major incident manager",
			Purpose: "Declares and leads major incidents, and drafts the emergency changes that end them.",
			Grants: join(look,
				on("incident", all, "*"), on("major_incident", all, "*"), on("task", all, "*"), on("oncall", all, "*"), on("routing", all, "read"),
				on("ci", all, "record_outage", "assess_impact"),
				on("notification_rules", all, "read"),
				on("problem", all, "register", "note"),
				on("change", all, "draft", "submit", "note", "edit"),
				on("sla", all, "explain"),
			),
		},
		{
			Name: RoleProblemManager, Title: "Problem manager",
			Purpose: "Answers for problems and known errors, accepted risks included.",
			Grants: join(look,
				propose,
				on("problem", all, "*"), on("known_error", all, "*"), on("problem_proposal", all, "read", "accept", "dismiss"), on("vulnerability", all, "*"), on("task", all, "*"), on("ci", all, "assess_impact"),
				on("approval", all, "request"),
				on("incident", all, "note"),
				on("change", all, "draft", "submit", "note"),
				on("knowledge", all, "draft", "revise", "submit", "link"),
			),
		},
		{
			Name: RoleChangeManager, Title: "Change manager",
			Purpose: "Answers for the flow of changes: assessment, schedule, freezes, templates and review. Authorising is the change authority's.",
			Grants: join(look,
				on("change", all, "draft", "submit", "assess", "return", "reject", "reschedule", "start", "complete",
					"close", "cancel", "hold", "release", "record_retrospectively", "override_freeze", "override_risk",
					"convene", "assign", "edit", "note", "do", "restrict", "see_restricted"),
				on("change_template", all, "define", "approve", "suspend", "reinstate"),
				on("change_window", all, "manage"),
				on("task", all, "*"), on("ci", all, "record_outage", "assess_impact"),
				on("approval", all, "request", "delegate_for"),
				on("problem", all, "note"), on("incident", all, "note"),
			),
		},
		{
			Name: RoleKnowledgeManager, Title: "Knowledge manager",
			Purpose: "Answers for articles: their review, publication and retirement.",
			Grants: join(look, on("knowledge", all, "*"), on("known_error", all, "edit", "publish", "withdraw", "retire", "restore"),
				on("approval", all, "request")),
		},
		{
			Name: RoleServiceLevelManager, Title: "Service level manager",
			Purpose: "Negotiates and defines service levels, and reports on them.",
			Grants: join(look,
				on("sla", all, "*"),
				on("service", all, "edit"),
				on("incident", all, "note", "read_costs"), on("request", all, "note"),
			),
		},
		{
			Name: RoleAssetManager, Title: "Asset manager",
			Purpose: "Answers for assets, licences and contracts from purchase to disposal.",
			Grants: join(look,
				on("asset", all, "*"),
				on("ci", all, "propose"),
				on("request", mine, workRequest...),
				on("task", mine, workTask...),
			),
		},
		{
			Name: RoleConfigurationManager, Title: "Configuration manager",
			Purpose: "Answers for configuration items, their relations, baselines and reconciliation.",
			Grants: join(look,
				on("ci", all, "*"),
				on("asset", all, "edit"),
				on("change", all, "note", "record_retrospectively"),
				on("task", mine, workTask...),
			),
		},
		{
			Name: RoleChangeImplementer, Title: "Change implementer",
			Purpose: "Carries out the changes and tasks that are assigned to the own group.",
			Grants: join(look,
				on("change", all, "note"),
				on("change", mine, "start", "complete", "reschedule", "edit", "do"),
				on("ci", all, "propose"),
				on("task", mine, workTask...),
			),
		},
		{
			Name: RoleChangeAuthority, Title: "Change authority",
			Purpose: "Authorises changes: votes in their gates, returns and rejects them, and approves templates.",
			Grants:  join(look, on("change", all, "return", "reject", "note"), on("change_template", all, "approve")),
		},
		{
			Name: RoleProcessOwner, Title: "Process owner",
			Purpose: "Answers for how practices work: models, policies and definitions, not the daily records.",
			Grants: join(look,
				on("change_template", all, "define", "approve", "suspend", "reinstate"),
				on("knowledge", all, "define"), on("ci", all, "read_model"), on("approval", all, "delegate_for"),
				on("sla", all, "explain", "report"),
				on("incident", all, "define"), on("problem", all, "define"), on("request", all, "define"),
				on("task", all, "define"),
				on("routing", all, "read", "manage"), on("oncall", all, "manage"),
				on("settings", all, "set", "lock"),
				on("trigger", all, "read", "manage"),
				on("notification_rules", all, "read", "manage"),
				on("incident_template", all, "*"), on("recurrence", all, "read", "manage"), on("view", all, "save", "publish"),
			),
		},
		{
			Name: RoleServiceOwner, Title: "Service owner",
			Purpose: "Answers for a service: its offerings, its service levels, and approval of what concerns it.",
			Grants: join(look,
				propose,
				on("service", all, "define", "edit", "offer", "entitle", "publish", "suspend", "retire"),
				on("sla", all, "define", "explain", "report"),
				on("change", all, "return", "reject", "note"),
				on("request", all, "approve", "reject", "note"),
				on("problem", all, "accept_risk", "reanalyse_risk_accepted", "note"),
				on("incident", all, "note"),
			),
		},
		{
			Name: RoleITServiceManager, Title: "IT service manager",
			Purpose: "Answers for all practices and may do everything.",
			Grants:  []Grant{{Permission: "*"}},
		},
		{
			Name: RoleRequester, Title: "Requester",
			Purpose: "A user of the services: reports, requests and follows the own records, and reads published articles.",
			Grants: join(
				on("incident", own, "log", "read", "reply", "reopen", "confirm", "cancel", "follow_up"),
				on("incident", own, "attach", "detach", "answer_survey"),
				on("request", own, "submit", "read", "reply", "confirm", "dispute", "withdraw"),
				on("knowledge", all, "read", "comment"), on("known_error", all, "read"),
				on("service", all, "read"),
				on("asset", own, "read"), on("interaction", own, "log", "read"),
				on("approval", own, "read", "delegate"), on("approval", asked, "read", "vote"),
				on("directory", own, "read"), on("directory_names", all, "read"),
				on("notification", own, "read", "prefer"),
				on("view", own, "read", "save"),
			),
		},
		{
			Name: RoleProviderTechnician, Title: "Provider technician",
			Purpose: "A supplier's or service provider's engineer: works on what is assigned to the own group, and sees no more.",
			Grants: join(
				on("incident", mine, append([]string{"read", "read_internal"}, workIncident...)...),
				on("request", mine, append([]string{"read", "read_internal"}, workRequest...)...),
				on("problem", mine, "read", "read_internal", "analyse", "record_workaround", "note"),
				on("change", mine, "read", "read_internal", "start", "complete", "note"),
				on("task", mine, append([]string{"read", "read_internal"}, workTask...)...),
				on("ci", all, "read"), on("service", all, "read"), on("knowledge", all, "read"), on("known_error", all, "read"),
				on("directory_names", all, "read"),
				on("approval", own, "read", "delegate"), on("approval", asked, "read", "vote"),
				on("notification", own, "read", "prefer"),
				on("view", append(mine, ScopeRequester), "read"), on("view", own, "save"),
			),
		},
		{
			Name: RoleAuditor, Title: "Auditor",
			Purpose: "Reads everything, internal notes and restricted records included, and changes nothing.",
			Grants:  []Grant{{Permission: "*.read"}, {Permission: "*.read_internal"}, {Permission: "*.see_restricted"}, {Permission: "*.read_costs"}},
		},
	}
	// Roles share the lists above; a host that changes one role must not change another.
	for i := range roles {
		roles[i] = copyRole(roles[i])
	}
	return roles
}
