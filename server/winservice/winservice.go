// Package winservice is the gateway as a service of Windows: installing it, running it, and what it may read there. It is empty on other
// systems, whose service managers run the gateway as anybody would.
package winservice
