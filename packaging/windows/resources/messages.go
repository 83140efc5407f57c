package main

import (
	"encoding/binary"
	"unicode/utf16"
)

// Every id that an event of the gateway may have gets the same message: the whole text is the event's one string. Nothing follows it,
// no line end either, since scripts match the end of a text.
const (
	firstMessage = 100
	lastMessage  = 499
	message      = "%1"
)

// messageTable is a resource of type RT_MESSAGETABLE with one block (Microsoft: MESSAGE_RESOURCE_DATA, MESSAGE_RESOURCE_BLOCK,
// MESSAGE_RESOURCE_ENTRY).
func messageTable() []byte {
	const blocks, headSize = 1, 4 + 12
	table := binary.LittleEndian.AppendUint32(nil, blocks)
	for _, field := range []uint32{firstMessage, lastMessage, headSize} { // first id, last id, offset of the entry of the first
		table = binary.LittleEndian.AppendUint32(table, field)
	}
	for range lastMessage - firstMessage + 1 {
		table = append(table, messageEntry()...)
	}
	return table
}

// messageEntry is its own length, which is a multiple of 4, a flag for UTF-16, and the text with a zero at its end.
func messageEntry() []byte {
	const headSize, isUnicode = 4, 1
	text := utf16.Encode([]rune(message + "\x00"))
	length := headSize + 2*len(text)
	padding := -length & 3
	entry := binary.LittleEndian.AppendUint16(nil, uint16(length+padding))
	entry = binary.LittleEndian.AppendUint16(entry, isUnicode)
	for _, unit := range text {
		entry = binary.LittleEndian.AppendUint16(entry, unit)
	}
	return append(entry, make([]byte, padding)...)
}
