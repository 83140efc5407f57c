package admission

// list is a list whose links are in what it has, so that it takes no memory.
type list[T any, P linked[T]] struct{ first, last P }

type links[T any] struct{ next, prev *T }

// linked is a pointer to what has links.
type linked[T any] interface {
	*T
	links() *links[T]
}

func (l *list[T, P]) append(e P) {
	at := e.links()
	at.next, at.prev = nil, l.last
	if l.last != nil {
		l.last.links().next = e
	} else {
		l.first = e
	}
	l.last = e
}

func (l *list[T, P]) remove(e P) {
	at := e.links()
	if at.prev != nil {
		P(at.prev).links().next = at.next
	} else {
		l.first = at.next
	}
	if at.next != nil {
		P(at.next).links().prev = at.prev
	} else {
		l.last = at.prev
	}
	*at = links[T]{}
}
