// This file holds the currencies.

package itsm

import "strings"

// The codes of ISO 4217 by the number of decimal places of the smallest unit: those in use,
// and those withdrawn lately, as old contracts name them. Metals and test codes are left out.
const (
	noPlaces    = " BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF "
	threePlaces = " BHD IQD JOD KWD LYD OMR TND "
	fourPlaces  = " CLF UYW "
	twoPlaces   = " AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN" +
		" BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR" +
		" FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW" +
		" KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD" +
		" NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE" +
		" SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES" +
		" WST XCD XCG YER ZAR ZMW ZWG ZWL "
)

// MinorUnits gives the decimal places of the smallest unit of a currency (2 for EUR, 0 for
// JPY), and whether the code is one of ISO 4217 that the library knows.
func MinorUnits(currency string) (places int, known bool) {
	if len(currency) != 3 || strings.Contains(currency, " ") {
		return 0, false
	}
	code := " " + currency + " "
	for places, codes := range [...]string{0: noPlaces, 2: twoPlaces, 3: threePlaces, 4: fourPlaces} {
		if strings.Contains(codes, code) {
			return places, true
		}
	}
	return 0, false
}
