// This file lists the regions, of which rickar/cal knows the holidays.

package holidays

import (
	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/ar"
	"github.com/rickar/cal/v2/at"
	"github.com/rickar/cal/v2/au"
	"github.com/rickar/cal/v2/be"
	"github.com/rickar/cal/v2/bg"
	"github.com/rickar/cal/v2/br"
	"github.com/rickar/cal/v2/ca"
	"github.com/rickar/cal/v2/ch"
	"github.com/rickar/cal/v2/cy"
	"github.com/rickar/cal/v2/cz"
	"github.com/rickar/cal/v2/de"
	"github.com/rickar/cal/v2/dk"
	"github.com/rickar/cal/v2/ee"
	"github.com/rickar/cal/v2/es"
	"github.com/rickar/cal/v2/fi"
	"github.com/rickar/cal/v2/fr"
	"github.com/rickar/cal/v2/gb"
	"github.com/rickar/cal/v2/gr"
	"github.com/rickar/cal/v2/hr"
	"github.com/rickar/cal/v2/hu"
	"github.com/rickar/cal/v2/ie"
	"github.com/rickar/cal/v2/is"
	"github.com/rickar/cal/v2/it"
	"github.com/rickar/cal/v2/jp"
	"github.com/rickar/cal/v2/ke"
	"github.com/rickar/cal/v2/lt"
	"github.com/rickar/cal/v2/lu"
	"github.com/rickar/cal/v2/lv"
	"github.com/rickar/cal/v2/mt"
	"github.com/rickar/cal/v2/mw"
	"github.com/rickar/cal/v2/mx"
	"github.com/rickar/cal/v2/nc"
	"github.com/rickar/cal/v2/nl"
	"github.com/rickar/cal/v2/no"
	"github.com/rickar/cal/v2/nz"
	"github.com/rickar/cal/v2/pl"
	"github.com/rickar/cal/v2/pt"
	"github.com/rickar/cal/v2/ro"
	"github.com/rickar/cal/v2/rs"
	"github.com/rickar/cal/v2/ru"
	"github.com/rickar/cal/v2/se"
	"github.com/rickar/cal/v2/si"
	"github.com/rickar/cal/v2/sk"
	"github.com/rickar/cal/v2/th"
	"github.com/rickar/cal/v2/ua"
	"github.com/rickar/cal/v2/us"
	"github.com/rickar/cal/v2/za"
)

// regions are the codes, in order.
var regions = [...]string{
	"AR", "AT", "AU-ACT", "AU-NSW", "AU-NT", "AU-QLD", "AU-SA", "AU-TAS", "AU-VIC", "AU-WA", "BE",
	"BG", "BR", "CA", "CH", "CH-AG", "CH-AI", "CH-AR", "CH-BE", "CH-BL", "CH-BS", "CH-FR", "CH-GE",
	"CH-GL", "CH-GR", "CH-JU", "CH-LU", "CH-NE", "CH-NW", "CH-OW", "CH-SG", "CH-SH", "CH-SO", "CH-SZ",
	"CH-TG", "CH-TI", "CH-UR", "CH-VD", "CH-VS", "CH-ZG", "CH-ZH", "CY", "CZ", "DE", "DE-BB", "DE-BE",
	"DE-BW", "DE-BY", "DE-HB", "DE-HE", "DE-HH", "DE-MV", "DE-NI", "DE-NW", "DE-RP", "DE-SH", "DE-SL",
	"DE-SN", "DE-ST", "DE-TH", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IS", "IT",
	"JP", "KE", "LT", "LU", "LV", "MT", "MW", "MX", "NC", "NL", "NO", "NZ", "PL", "PT", "RO", "RS",
	"RU", "SE", "SI", "SK", "TH", "UA", "US", "ZA",
}

// rulesOf gives the rules of a region, or none.
func rulesOf(region string) []*cal.Holiday {
	switch region {
	case "AR":
		return ar.Holidays
	case "AT":
		return at.Holidays
	case "AU-ACT":
		return au.HolidaysACT
	case "AU-NSW":
		return au.HolidaysNSW
	case "AU-NT":
		return au.HolidaysNT
	case "AU-QLD":
		return au.HolidaysQLD
	case "AU-SA":
		return au.HolidaysSA
	case "AU-TAS":
		return au.HolidaysTAS
	case "AU-VIC":
		return au.HolidaysVIC
	case "AU-WA":
		return au.HolidaysWA
	case "BE":
		return be.Holidays
	case "BG":
		return bg.Holidays
	case "BR":
		return br.Holidays
	case "CA":
		return ca.Holidays
	case "CH":
		return ch.Holidays
	case "CH-AG":
		return ch.HolidaysAG
	case "CH-AI":
		return ch.HolidaysAI
	case "CH-AR":
		return ch.HolidaysAR
	case "CH-BE":
		return ch.HolidaysBE
	case "CH-BL":
		return ch.HolidaysBL
	case "CH-BS":
		return ch.HolidaysBS
	case "CH-FR":
		return ch.HolidaysFR
	case "CH-GE":
		return ch.HolidaysGE
	case "CH-GL":
		return ch.HolidaysGL
	case "CH-GR":
		return ch.HolidaysGR
	case "CH-JU":
		return ch.HolidaysJU
	case "CH-LU":
		return ch.HolidaysLU
	case "CH-NE":
		return ch.HolidaysNE
	case "CH-NW":
		return ch.HolidaysNW
	case "CH-OW":
		return ch.HolidaysOW
	case "CH-SG":
		return ch.HolidaysSG
	case "CH-SH":
		return ch.HolidaysSH
	case "CH-SO":
		return ch.HolidaysSO
	case "CH-SZ":
		return ch.HolidaysSZ
	case "CH-TG":
		return ch.HolidaysTG
	case "CH-TI":
		return ch.HolidaysTI
	case "CH-UR":
		return ch.HolidaysUR
	case "CH-VD":
		return ch.HolidaysVD
	case "CH-VS":
		return ch.HolidaysVS
	case "CH-ZG":
		return ch.HolidaysZG
	case "CH-ZH":
		return ch.HolidaysZH
	case "CY":
		return cy.Holidays
	case "CZ":
		return cz.Holidays
	case "DE":
		return de.Holidays
	case "DE-BB":
		return de.HolidaysBB
	case "DE-BE":
		return de.HolidaysBE
	case "DE-BW":
		return de.HolidaysBW
	case "DE-BY":
		return de.HolidaysBY
	case "DE-HB":
		return de.HolidaysHB
	case "DE-HE":
		return de.HolidaysHE
	case "DE-HH":
		return de.HolidaysHH
	case "DE-MV":
		return de.HolidaysMV
	case "DE-NI":
		return de.HolidaysNI
	case "DE-NW":
		return de.HolidaysNW
	case "DE-RP":
		return de.HolidaysRP
	case "DE-SH":
		return de.HolidaysSH
	case "DE-SL":
		return de.HolidaysSL
	case "DE-SN":
		return de.HolidaysSN
	case "DE-ST":
		return de.HolidaysST
	case "DE-TH":
		return de.HolidaysTH
	case "DK":
		return dk.Holidays
	case "EE":
		return ee.Holidays
	case "ES":
		return es.Holidays
	case "FI":
		return fi.Holidays
	case "FR":
		return fr.Holidays
	case "GB":
		return gb.Holidays
	case "GR":
		return gr.Holidays
	case "HR":
		return hr.Holidays
	case "HU":
		return hu.Holidays
	case "IE":
		return ie.Holidays
	case "IS":
		return is.Holidays
	case "IT":
		return it.Holidays
	case "JP":
		return jp.Holidays
	case "KE":
		return ke.Holidays
	case "LT":
		return lt.Holidays
	case "LU":
		return lu.Holidays
	case "LV":
		return lv.Holidays
	case "MT":
		return mt.Holidays
	case "MW":
		return mw.Holidays
	case "MX":
		return mx.Holidays
	case "NC":
		return nc.Holidays
	case "NL":
		return nl.Holidays
	case "NO":
		return no.Holidays
	case "NZ":
		return nz.Holidays
	case "PL":
		return pl.Holidays
	case "PT":
		return pt.Holidays
	case "RO":
		return ro.Holidays
	case "RS":
		return rs.Holidays
	case "RU":
		return ru.Holidays
	case "SE":
		return se.Holidays
	case "SI":
		return si.Holidays
	case "SK":
		return sk.Holidays
	case "TH":
		return th.Holidays
	case "UA":
		return ua.Holidays
	case "US":
		return us.Holidays
	case "ZA":
		return za.Holidays
	}
	return nil
}
