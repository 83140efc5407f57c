package main

import (
	"image"
	"image/color"
	"math"
)

// iconSizes are those that Windows shows, in pixels.
var iconSizes = []int{16, 32, 48, 256}

// icon draws a white gate on a blue ground, and what passes through it.
func icon(size int) image.Image {
	const samples = 8 // in each direction, so that edges are smooth
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			var red, green, blue, alpha float64
			for i := range samples * samples {
				c := paint(
					(float64(x)+(float64(i%samples)+0.5)/samples)/float64(size),
					(float64(y)+(float64(i/samples)+0.5)/samples)/float64(size))
				red, green, blue, alpha = red+float64(c.R), green+float64(c.G), blue+float64(c.B), alpha+float64(c.A)
			}
			if alpha == 0 {
				continue
			}
			covered := alpha / 255 // samples on the icon; the others have no colour
			img.SetNRGBA(x, y, color.NRGBA{
				R: uint8(red / covered), G: uint8(green / covered), B: uint8(blue / covered), A: uint8(alpha / samples / samples),
			})
		}
	}
	return img
}

// paint is the colour at a place; the icon goes from 0 to 1 both ways, y downwards.
func paint(x, y float64) color.NRGBA {
	ground := color.NRGBA{R: 0x0F, G: 0x4C, B: 0x81, A: 0xFF}
	gate := color.NRGBA{R: 0xFF, G: 0xFF, B: 0xFF, A: 0xFF}
	passing := color.NRGBA{R: 0xF2, G: 0xA9, B: 0x3B, A: 0xFF}
	switch {
	case !inBox(x, y, 0.5, 0.5, 0.49, 0.49, 0.14):
		return color.NRGBA{}
	case inArrow(x, y):
		return passing
	case inArch(x, y, 0.34) && !inArch(x, y, 0.21):
		return gate
	default:
		return ground
	}
}

// inBox reports whether a place is in a box around a centre, whose corners are round.
func inBox(x, y, centreX, centreY, halfWidth, halfHeight, radius float64) bool {
	dx := math.Max(math.Abs(x-centreX)-halfWidth+radius, 0)
	dy := math.Max(math.Abs(y-centreY)-halfHeight+radius, 0)
	return math.Hypot(dx, dy) <= radius
}

// inArch reports whether a place is below a round arch of this radius that stands on the ground.
func inArch(x, y, radius float64) bool {
	const centre, springing, floor = 0.5, 0.48, 0.84
	if y > springing {
		return y <= floor && math.Abs(x-centre) <= radius
	}
	return math.Hypot(x-centre, y-springing) <= radius
}

// inArrow reports whether a place is on the arrow that points upwards through the gate.
func inArrow(x, y float64) bool {
	const centre, tip, neck, tail = 0.5, 0.40, 0.60, 0.84
	off := math.Abs(x - centre)
	if y < neck {
		return y >= tip && off <= (y-tip)*0.75
	}
	return y <= tail && off <= 0.055
}
