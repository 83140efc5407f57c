package command

// Show prints a message as [Asking] does.
func (p *Program) Show(message any, v View) error { return p.show(message, v) }
