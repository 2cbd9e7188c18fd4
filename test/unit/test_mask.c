/*
 * test_mask.c
 *		The maskers: known pairs.  What must be true of any input is in
 *		test_mask_random.c.
 */
#include "mask.h"
#include "regions_cn.h"
#include "tap.h"

#define N_VECTORS		211		/* rows of masks.tsv */

typedef struct CgPair
{
	CgMasker	masker;
	const char *text;
	const char *mask;
	CgMaskStyle style;			/* standard where the row ends before it */
} CgPair;

static const CgPair pairs[] = {
	{CG_MASK_STARS, "abc", "***"},
	{CG_MASK_STARS, " a c\xE3\x80\x80", "***"},
	{CG_MASK_STARS, "", ""},
	{CG_MASK_STARS, "\xE3\x80\x80 \xEF\xBB\xBF", ""},
	{CG_MASK_STARS, "一二三四五六七八九十一二三四五六七八",
	"****************"},
	{CG_MASK_STARS, "\xFF\xC3", "**"},

	{CG_MASK_NAME, "欧阳娜娜", "欧阳**"},
	{CG_MASK_NAME, "歐陽修", "歐陽*"},
	{CG_MASK_NAME, "司马光", "司马*"},
	{CG_MASK_NAME, "贺兰英", "贺**"},
	{CG_MASK_NAME, "张*", "**"},
	{CG_MASK_NAME, "John Smith", "*********"},
	{CG_MASK_NAME, "张三丰李四", "*****"},
	{CG_MASK_NAME, "买买提・艾力", "买**·**"},
	{CG_MASK_NAME, "买买提 • 艾力", "买**·**"},
	{CG_MASK_NAME, "爱·新觉罗", "*·***"},
	{CG_MASK_NAME, "·艾力", "***"},
	{CG_MASK_NAME, "艾力·", "***"},
	{CG_MASK_NAME, "艾··力", "****"},
	{CG_MASK_NAME, "张三\xFF", "***"},
	{CG_MASK_NAME, "张三\xE4\xB8", "****"},

	{CG_MASK_MOBILE, "86 13800138000", "+86138****8000"},
	{CG_MASK_MOBILE, "138-0013-8000", "138****8000"},
	{CG_MASK_MOBILE, "138****8000", "***********"},
	{CG_MASK_MOBILE, "+86138****8000", "**************"},
	{CG_MASK_MOBILE, "1380013800a", "***********"},
	{CG_MASK_MOBILE, "13800138000\xFF", "************"},
	{CG_MASK_MOBILE, "138001380001380013800", "****************"},

	{CG_MASK_EMAIL, "Zhang.San@Example.COM", "Z***@Example.COM"},
	{CG_MASK_EMAIL, "a@b@example.com", "***************"},
	{CG_MASK_EMAIL, "abc@localhost", "*************"},
	{CG_MASK_EMAIL, "abc def@example.com", "****************"},
	{CG_MASK_EMAIL, "abc@10.0.0.1", "************"},
	{CG_MASK_EMAIL, "@example.com", "************"},
	{CG_MASK_EMAIL, "z***@example.com", "****************"},
	{CG_MASK_EMAIL, "***@example.com", "***************"},
	{CG_MASK_EMAIL, "\xFF" "bc@example.com", "***************"},

	{CG_MASK_RESIDENT_ID, "319999-19930615-1200", "3****************0"},
	{CG_MASK_RESIDENT_ID, "319999199306151201", "****************"},
	{CG_MASK_RESIDENT_ID, "3****************0", "****************"},
	{CG_MASK_BANK_CARD, "6222 0200 0000 0007", "622202******0007"},
	{CG_MASK_BANK_CARD, "622202******0007", "****************"},
	{CG_MASK_BANK_CARD, "62220200000000000000", "****************"},
	{CG_MASK_USCC, "91************015J", "****************"},

	{CG_MASK_ADDRESS, "上海市阳光花园小区5号楼", "上海市****"},
	{CG_MASK_ADDRESS, "浙江省杭州市永辉超市3楼", "浙江省杭州市****"},
	{CG_MASK_ADDRESS, "北京市朝阳区建国路1号", "北京市朝阳区****"},
	{CG_MASK_ADDRESS, "北京市北京市朝阳区建国路1号", "北京市北京市朝阳区****"},
	{CG_MASK_ADDRESS, "北京市市辖区朝阳区建国路1号", "北京市市辖区朝阳区****"},
	{CG_MASK_ADDRESS, "北京朝阳区建国路1号", "北京朝阳区****"},
	{CG_MASK_ADDRESS, "北京东路668号", "****"},
	{CG_MASK_ADDRESS, "北京建国路1号", "****"},
	{CG_MASK_ADDRESS, "山东路100号", "****"},
	{CG_MASK_ADDRESS, "广东深圳市南山区科技园", "广东深圳市南山区****"},
	{CG_MASK_ADDRESS, "江苏昆山市花桥镇", "江苏昆山市****"},
	{CG_MASK_ADDRESS, "江苏省苏州市苏州工业园区星湖街", "江苏省苏州市****"},
	{CG_MASK_ADDRESS, "江苏省苏州市阳光新区1号", "江苏省苏州市****"},
	{CG_MASK_ADDRESS, "浙江省杭州市浦东新区1号", "浙江省杭州市****"},
	{CG_MASK_ADDRESS, "浙江省杭州市鹿城区1号", "浙江省杭州市****"},
	{CG_MASK_ADDRESS, "浙江省杭州市幸福社区1号", "浙江省杭州市****"},
	{CG_MASK_ADDRESS, "广东省东莞市虎门镇", "广东省东莞市****"},
	{CG_MASK_ADDRESS, "海南省文昌市文城镇", "海南省文昌市****"},
	{CG_MASK_ADDRESS, "香港特别行政区湾仔区轩尼诗道",
	"香港特别行政区湾仔区****"},
	{CG_MASK_ADDRESS, "台湾省台北市大安区忠孝东路", "台湾省台北市大安区****"},
	{CG_MASK_ADDRESS, "上海市", "上海市****"},
	{CG_MASK_ADDRESS, "上海", "****"},
	{CG_MASK_ADDRESS, "上海市浦东新区****", "上海市浦东新区****"},
	{CG_MASK_ADDRESS, "上海市浦东新区世纪大道\xFF", "****"},
	{CG_MASK_ADDRESS, "上海市浦东新区世纪大道\xE4\xB8", "****"},

	{CG_MASK_PLATE, "苏A·12345", "********"},
	{CG_MASK_PLATE, "沪A***45", "*******"},

	{CG_MASK_YEAR, "1990-01-02", "1990-**-**"},
	{CG_MASK_YEAR, " 1990/01/02\xE3\x80\x80", "1990/**/**"},
	{CG_MASK_YEAR, "1990.01.02", "1990.**.**"},
	{CG_MASK_YEAR, "19900102", "1990****"},
	{CG_MASK_YEAR, "1990年1月2日", "1990年*月*日"},
	{CG_MASK_YEAR, "1990年01月02日", "1990年**月**日"},
	{CG_MASK_YEAR, "1990年1月31日", "1990年*月**日"},
	{CG_MASK_YEAR, "１９９０－０１－０２", "1990-**-**"},
	{CG_MASK_YEAR, "2000-02-29", "2000-**-**"},
	{CG_MASK_YEAR, "1900-02-29", "**********"},
	{CG_MASK_YEAR, "1990-13-01", "**********"},
	{CG_MASK_YEAR, "1990-01/02", "**********"},
	{CG_MASK_YEAR, "1990年1月2", "********"},
	{CG_MASK_YEAR, "1990年123月日", "**********"},
	{CG_MASK_YEAR, "1990-**-**", "**********"},
	{CG_MASK_YEAR, "1990", "****"},
	{CG_MASK_YEAR, "", ""},

	{CG_MASK_RESIDENT_ID, "931999199306151209", "93****************",
	CG_STYLE_REGION},
	{CG_MASK_RESIDENT_ID, "31****************", "****************",
	CG_STYLE_REGION},
	{CG_MASK_RESIDENT_ID, "319999********1200", "****************",
	CG_STYLE_LEGACY},
	{CG_MASK_RESIDENT_ID, "319999199306151201", "****************",
	CG_STYLE_LEGACY},
	{CG_MASK_RESIDENT_ID, "319999199306151200", "3****************0",
	CG_STYLE_STRICT},
	{CG_MASK_BANK_CARD, "************1111", "****************",
	CG_STYLE_STRICT},
	{CG_MASK_BANK_CARD, "4111111111111111", "411111******1111",
	CG_STYLE_LEGACY},
	{CG_MASK_EMAIL, "zhang@mail.example.com.cn", "z***@***.cn",
	CG_STYLE_STRICT},
	{CG_MASK_EMAIL, "张三丰@例子.公司", "张***@***.公司", CG_STYLE_STRICT},
	{CG_MASK_EMAIL, "abc@localhost", "*************", CG_STYLE_STRICT},
	{CG_MASK_EMAIL, "z***@***.com", "************", CG_STYLE_STRICT},
	{CG_MASK_NAME, "张三丰", "张**", CG_STYLE_LEGACY},
	{CG_MASK_ADDRESS, "上海市浦东新区世纪大道", "上海市浦东新区****",
	CG_STYLE_REGION},

	{CG_MASK_LANDLINE, "02162345678", "021-****5678"},
	{CG_MASK_LANDLINE, "021 6234 5678", "021-****5678"},
	{CG_MASK_LANDLINE, "（021）6234-5678", "021-****5678"},
	{CG_MASK_LANDLINE, "+86 21 62345678", "021-****5678"},
	{CG_MASK_LANDLINE, "+86 (0)21 62345678", "021-****5678"},
	{CG_MASK_LANDLINE, "(+86)21-62345678", "021-****5678"},
	{CG_MASK_LANDLINE, "++86 21 62345678", "****************"},
	{CG_MASK_LANDLINE, "0086-755-23456788", "0755-****6788"},
	{CG_MASK_LANDLINE, "86 10 62345678", "010-****5678"},
	{CG_MASK_LANDLINE, "075523456788", "0755-****6788"},
	{CG_MASK_LANDLINE, "0755-234-5678", "0755-***5678"},
	{CG_MASK_LANDLINE, "0755-2345678-8", "0755-***5678-*"},
	{CG_MASK_LANDLINE, "0755-2345-6788", "0755-****6788"},
	{CG_MASK_LANDLINE, "0755-23456788 转 8001", "0755-****6788-****"},
	{CG_MASK_LANDLINE, "021-62345678#12", "021-****5678-**"},
	{CG_MASK_LANDLINE, "021-62345678x123456", "021-****5678-******"},
	{CG_MASK_LANDLINE, "021-62345678x1234567", "****************"},
	{CG_MASK_LANDLINE, "800-820-8820", "800-***-8820"},
	{CG_MASK_LANDLINE, "4008208820", "400-***-8820"},
	{CG_MASK_LANDLINE, "+86 400 820 8820", "400-***-8820"},
	{CG_MASK_LANDLINE, "0400-820-8820", "*************"},
	{CG_MASK_LANDLINE, "500-820-8820", "************"},
	{CG_MASK_LANDLINE, "010-12345678", "************"},
	{CG_MASK_LANDLINE, "026-62345678", "************"},
	{CG_MASK_LANDLINE, "013800138000", "************"},
	{CG_MASK_LANDLINE, "13800138000", "***********"},
	{CG_MASK_LANDLINE, "+86 13800138000", "***************"},
	{CG_MASK_LANDLINE, "+1 415 555 0123", "***************"},
	{CG_MASK_LANDLINE, "(021 62345678", "*************"},
	{CG_MASK_LANDLINE, "021)62345678(", "*************"},
	{CG_MASK_LANDLINE, "021-6234567", "***********"},
	{CG_MASK_LANDLINE, "021-623456789", "*************"},
	{CG_MASK_LANDLINE, "021-62345678-", "*************"},
	{CG_MASK_LANDLINE, "021-62345678-1-2", "****************"},
	{CG_MASK_LANDLINE, "021#62345678-1", "**************"},
	{CG_MASK_LANDLINE, "021-****5678", "************"},
	{CG_MASK_LANDLINE, "021-62345678 021-62345679", "****************"},
	{CG_MASK_LANDLINE, "+", "*"},
	{CG_MASK_LANDLINE, "00", "**"},
	{CG_MASK_LANDLINE, "021-62345678\xFF", "*************"},

	{CG_MASK_E164, "+1 (415) 555-0123", "+1******0123"},
	{CG_MASK_E164, "+1.415.555.0123", "+1******0123"},
	{CG_MASK_E164, "+1 415 055 0123", "************"},
	{CG_MASK_E164, "+1 415 555 012", "***********"},
	{CG_MASK_E164, "+7 495 123 45 67", "+7******4567"},
	{CG_MASK_E164, "+44 (0)20 7946 0958", "+44*******0958"},
	{CG_MASK_E164, "+354 410 4000", "+354***4000"},
	{CG_MASK_E164, "+683 4000", "********"},
	{CG_MASK_E164, "+86 138 0013 800", "*************"},
	{CG_MASK_E164, "+86 21 6234 5678", "+86******5678"},
	{CG_MASK_E164, "+86 10 6234 5678", "+86******5678"},
	{CG_MASK_E164, "+86 11 6234 5678", "*************"},
	{CG_MASK_E164, "+219 12345678", "************"},
	{CG_MASK_E164, "+999 12345678", "************"},
	{CG_MASK_E164, "+44 20794609581234", "****************"},
	{CG_MASK_E164, "+0044 20 7946 0958", "***************"},
	{CG_MASK_E164, "+442079460958x1", "***************"},
	{CG_MASK_E164, "44 20 7946 0958", "************"},
	{CG_MASK_E164, "+44+2079460958", "**************"},
	{CG_MASK_E164, "+44******0958", "*************"},

	{CG_MASK_PASSPORT, "EA1234567", "E******67"},
	{CG_MASK_PASSPORT, "EO1234567", "*********"},
	{CG_MASK_PASSPORT, "151234567", "1******67"},
	{CG_MASK_PASSPORT, "161234567", "*********"},
	{CG_MASK_PASSPORT, "KJ1234567", "K******67"},
	{CG_MASK_PASSPORT, "MA1234567", "M******67"},
	{CG_MASK_PASSPORT, "P1234567", "P*****67"},
	{CG_MASK_PASSPORT, "E 1234-5678", "E******78"},
	{CG_MASK_PASSPORT, "A12345678", "*********"},
	{CG_MASK_PASSPORT, "E123456789", "**********"},
	{CG_MASK_PASSPORT, "E1234567", "********"},
	{CG_MASK_PASSPORT, "E######78", "*********"},
	{CG_MASK_PASSPORT, "E@1234567", "*********"},
	{CG_MASK_PASSPORT, "E******78", "*********"},
	{CG_MASK_PERMIT, "CA1234567", "C******67"},
	{CG_MASK_PERMIT, "M1234567800", "M********00"},
	{CG_MASK_PERMIT, "L12345678", "L******78"},
	{CG_MASK_PERMIT, "CI1234567", "*********"},
	{CG_MASK_PERMIT, "H123456780", "**********"},
	{CG_MASK_PERMIT, "012345678", "*********"},
	{CG_MASK_PERMIT, "0*****67", "********"},

	{CG_MASK_MILITARY_ID, "军字第2001988", "军字第*****88"},
	{CG_MASK_MILITARY_ID, "南字第20019881号", "南字第******81号"},
	{CG_MASK_MILITARY_ID, "士 字 第 p011816 号", "士字第*****16号"},
	{CG_MASK_MILITARY_ID, "王字第2001988号", "***********"},
	{CG_MASK_MILITARY_ID, "军宇第2001988号", "***********"},
	{CG_MASK_MILITARY_ID, "军字第200198号", "**********"},
	{CG_MASK_MILITARY_ID, "军字第200198812号", "*************"},
	{CG_MASK_MILITARY_ID, "军字第2P01988号", "***********"},
	{CG_MASK_MILITARY_ID, "军字第*****88号", "***********"},
	{CG_MASK_MILITARY_ID, "军字第2001988号\xFF", "************"},
	{CG_MASK_MILITARY_ID, "军字第2001988号一二三四五六",
	"****************"},

	{CG_MASK_IBAN, "DE89 3704 0044 0532 0130 00", "DE89**************3000"},
	{CG_MASK_IBAN, "NO93 8601 1117 947", "NO93*******7947"},
	{CG_MASK_IBAN, "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
	"MT84***********************001S"},
	{CG_MASK_IBAN, "LC55 HEMM 0001 0001 0012 0012 0002 3015",
	"LC55************************3015"},
	{CG_MASK_IBAN, "GB83 WEST 1234 5698 7654 32", "****************"},
	{CG_MASK_IBAN, "GB82 WEST 1234 5698 7654 3", "****************"},
	{CG_MASK_IBAN, "ZZ82 WEST 1234 5698 7654 32", "****************"},
	{CG_MASK_IBAN, "GB82**************5432", "****************"},
	{CG_MASK_IBAN, "NO0086011117972", "***************"},
	{CG_MASK_IBAN, "NO0186011117954", "***************"},
	{CG_MASK_IBAN, "NO9986011118033", "***************"},
	{CG_MASK_IBAN, "NO9386011118026", "***************"},

	{CG_MASK_IMEI, "35-417803-685978-9", "35417803*******"},
	{CG_MASK_IMEI, "354178036859788", "***************"},
	{CG_MASK_IMEI, "354178036859798", "***************"},
	{CG_MASK_IMEI, "3541780368597", "*************"},
	{CG_MASK_IMEI, "35417803685978123", "****************"},
	{CG_MASK_IMEI, "35417803*******", "***************"},

	{CG_MASK_US_SSN, "219-09-9999", "***-**-9999"},
	{CG_MASK_US_SSN, "219‑09‑9999", "***-**-9999"},
	{CG_MASK_US_SSN, "219-09 9999", "***********"},
	{CG_MASK_US_SSN, "000-09-9999", "***********"},
	{CG_MASK_US_SSN, "666-09-9999", "***********"},
	{CG_MASK_US_SSN, "919-09-9999", "***********"},
	{CG_MASK_US_SSN, "219-00-9999", "***********"},
	{CG_MASK_US_SSN, "219-09-0000", "***********"},
	{CG_MASK_US_SSN, "***-**-9999", "***********"},

	{CG_MASK_IP, "10.0.0.1", "10.0.*.*"},
	{CG_MASK_IP, "255.255.255.255/32", "255.255.*.*"},
	{CG_MASK_IP, "203.0.113.77/33", "***************"},
	{CG_MASK_IP, "203.0.113.77/", "*************"},
	{CG_MASK_IP, "203.0.113.077", "*************"},
	{CG_MASK_IP, "203.0.113", "*********"},
	{CG_MASK_IP, "203.0.113.77.1", "**************"},
	{CG_MASK_IP, "203.0..77", "*********"},
	{CG_MASK_IP, "203.0.113.77:80", "***************"},
	{CG_MASK_IP, "203.0.*.*", "*********"},
	{CG_MASK_IP, "::", "0000:0000:0000:*"},
	{CG_MASK_IP, "2001:DB8::", "2001:0db8:0000:*"},
	{CG_MASK_IP, "2001:db8:0:1:2:3:4:5", "2001:0db8:0000:*"},
	{CG_MASK_IP, "2001:db8:0:1:2:3:4::", "2001:0db8:0000:*"},
	{CG_MASK_IP, "::2:3:4:5:6:7:8", "0000:0002:0003:*"},
	{CG_MASK_IP, "2001:db8::1/128", "2001:0db8:0000:*"},
	{CG_MASK_IP, "2001:db8::1/129", "***************"},
	{CG_MASK_IP, "64:ff9b::203.0.113.77", "0064:ff9b:0000:*"},
	{CG_MASK_IP, "::FFFF:cb00:714d", "203.0.*.*"},
	{CG_MASK_IP, "2002:cb00:714d::1", "203.0.*.*"},
	{CG_MASK_IP, "1:2:3:4:5:6:203.0.113.77", "0001:0002:0003:*"},
	{CG_MASK_IP, "1:2:3:4:5:6:7:203.0.113.77", "****************"},
	{CG_MASK_IP, "1:2:3:4:5:6:7:8:9", "****************"},
	{CG_MASK_IP, "1:2:3:4:5:6:7:8::", "****************"},
	{CG_MASK_IP, "1:2:3:4:5:6:7", "*************"},
	{CG_MASK_IP, "1::2::3", "*******"},
	{CG_MASK_IP, "1:::2", "*****"},
	{CG_MASK_IP, ":1::2", "*****"},
	{CG_MASK_IP, "1::2:", "*****"},
	{CG_MASK_IP, ":", "*"},
	{CG_MASK_IP, "::12345", "*******"},
	{CG_MASK_IP, "::g", "***"},
	{CG_MASK_IP, "fe80::1%eth0", "************"},
	{CG_MASK_IP, "2001:0db8:85a3:*", "****************"},

	{CG_MASK_MAC, "00-1a-2b-3c-4d-5e", "00:1A:2B:**:**:**"},
	{CG_MASK_MAC, "001a2b:3c4d5e", "00:1A:2B:**:**:**"},
	{CG_MASK_MAC, "001a-2b3c-4d5e", "00:1A:2B:**:**:**"},
	{CG_MASK_MAC, "00:1A:2B-3C:4D:5E", "****************"},
	{CG_MASK_MAC, "001:A2B:3C4:D5E", "***************"},
	{CG_MASK_MAC, "00:1A:2B:3C:4D:5", "****************"},
	{CG_MASK_MAC, "001A2B3C4D5E6", "*************"},
	{CG_MASK_MAC, "00:1A:2B:**:**:**", "****************"},

	{CG_MASK_QQ, "1234567", "1****"},
	{CG_MASK_QQ, "12345678", "12****78"},
	{CG_MASK_QQ, "12345678901", "12****01"},
	{CG_MASK_QQ, "13800138000", "***********"},
	{CG_MASK_QQ, "123456789012", "************"},
	{CG_MASK_QQ, "12345a", "******"},
	{CG_MASK_QQ, "12****89", "********"},
	{CG_MASK_QQ, "1****", "*****"},

	{CG_MASK_WECHAT, "a-b_c9", "a-****9"},
	{CG_MASK_WECHAT, "abcde", "*****"},
	{CG_MASK_WECHAT, "_zhangsan", "*********"},
	{CG_MASK_WECHAT, "-zhangsan", "*********"},
	{CG_MASK_WECHAT, "zhang san", "*********"},
	{CG_MASK_WECHAT, "张三zhangsan", "**********"},
	{CG_MASK_WECHAT, "abcdefghij0123456789", "ab****9"},
	{CG_MASK_WECHAT, "abcdefghij0123456789a", "****************"},
	{CG_MASK_WECHAT, "zh****0", "*******"},

	{CG_MASK_SUPPRESS, "13800138000", ""},
	{CG_MASK_SUPPRESS, "\xFF", ""}
};

/* The types of masks.tsv. */
static const struct
{
	const char *type;
	CgMasker	masker;
	CgMaskStyle style;
}			types[] = {
	{"resident_id · standard (1+1)", CG_MASK_RESIDENT_ID},
	{"resident_id · region (2+0)", CG_MASK_RESIDENT_ID, CG_STYLE_REGION},
	{"resident_id · legacy (6+4) — opt-in only", CG_MASK_RESIDENT_ID,
	CG_STYLE_LEGACY},
	{"mobile", CG_MASK_MOBILE},
	{"landline", CG_MASK_LANDLINE},
	{"bank_card · standard (6+4)", CG_MASK_BANK_CARD},
	{"bank_card · strict (last 4)", CG_MASK_BANK_CARD, CG_STYLE_STRICT},
	{"uscc", CG_MASK_USCC},
	{"passport", CG_MASK_PASSPORT},
	{"HK/MO/TW permit", CG_MASK_PERMIT},
	{"name", CG_MASK_NAME},
	{"email · standard", CG_MASK_EMAIL},
	{"email · strict", CG_MASK_EMAIL, CG_STYLE_STRICT},
	{"address", CG_MASK_ADDRESS},
	{"licence plate", CG_MASK_PLATE},
	{"military id", CG_MASK_MILITARY_ID},
	{"ip", CG_MASK_IP},
	{"mac", CG_MASK_MAC},
	{"imei", CG_MASK_IMEI},
	{"wechat", CG_MASK_WECHAT},
	{"qq", CG_MASK_QQ},
	{"iban", CG_MASK_IBAN},
	{"us_ssn", CG_MASK_US_SSN},
	{"e164", CG_MASK_E164}
};

#define N_TYPES			(sizeof(types) / sizeof(types[0]))

static void
check_pair(CgMasker masker, CgMaskStyle style, const char *text,
		   const char *mask)
{
	char		out[1024];
	size_t		n = cg_mask(masker, style, text, strlen(text), out);
	char		name[600];

	snprintf(name, sizeof(name), "masker %d, style %d: \"%s\"", (int) masker,
			 (int) style, text);
	is_bytes(out, n, mask, strlen(mask), name);
}

/* Every row is of a known type, and every type has rows. */
static void
check_vectors(void)
{
	FILE	   *file = fopen("test/vectors/masks.tsv", "r");
	char		line[1024];
	unsigned	of_type[N_TYPES] = {0};
	unsigned	rows = 0;
	size_t		i;

	if (!ok(file != NULL, "open masks.tsv"))
		return;
	ok(fgets(line, sizeof(line), file) != NULL &&
	   strncmp(line, "type\tinput\toutput", 17) == 0, "head of masks.tsv");
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char	   *text = strchr(line, '\t');
		char	   *mask = text == NULL ? NULL : strchr(text + 1, '\t');

		rows++;
		if (mask == NULL)
		{
			ok(false, "columns of row %u of masks.tsv", rows);
			continue;
		}
		*text++ = '\0';
		*mask++ = '\0';
		mask[strcspn(mask, "\r\n")] = '\0';
		for (i = 0; i < N_TYPES && strcmp(line, types[i].type) != 0; i++)
			;
		if (i == N_TYPES)
		{
			ok(false, "type \"%s\" of row %u of masks.tsv", line, rows);
			continue;
		}
		of_type[i]++;

		/* Null is never masked: the layer above keeps it. */
		if (strcmp(text, "\\N") == 0)
			ok(strcmp(mask, "\\N") == 0, "null of type %s", line);
		else
			check_pair(types[i].masker, types[i].style, text, mask);
	}
	fclose(file);
	ok(rows == N_VECTORS, "%u rows of masks.tsv", rows);
	for (i = 0; i < N_TYPES; i++)
		ok(of_type[i] >= 6 &&
		   cg_masker_has_style(types[i].masker, types[i].style),
		   "%u rows of type %s", of_type[i], types[i].type);
}

static void
check_names(void)
{
	static const char *const names[CG_MASKERS] = {
		"stars", "name", "mobile", "email", "resident_id", "bank_card",
		"uscc", "address", "plate", "year", "landline", "e164", "passport",
		"permit", "military_id", "iban", "imei", "ip", "mac", "qq", "wechat",
		"us_ssn", "suppress"
	};
	static const char *const styles[CG_MASK_STYLES] = {
		"standard", "strict", "region", "legacy"
	};
	CgMasker	masker;
	CgMaskStyle style;
	unsigned	own = 0;
	int			i;
	int			k;

	for (i = 0; i < CG_MASKERS; i++)
	{
		ok(cg_masker_by_name(names[i], &masker) && masker == (CgMasker) i,
		   "masker %s", names[i]);
		ok(cg_masker_has_style(masker, CG_STYLE_STANDARD),
		   "standard style of %s", names[i]);
		for (k = 1; k < CG_MASK_STYLES; k++)
			own += cg_masker_has_style(masker, (CgMaskStyle) k);
	}
	ok(!cg_masker_by_name("Name", &masker) && !cg_masker_by_name("", &masker),
	   "unknown masker");

	for (i = 0; i < CG_MASK_STYLES; i++)
		ok(cg_mask_style_by_name(styles[i], &style) &&
		   style == (CgMaskStyle) i, "style %s", styles[i]);
	ok(!cg_mask_style_by_name("Strict", &style) &&
	   !cg_mask_style_by_name("", &style), "unknown style");
	ok(own == 4 &&
	   cg_masker_has_style(CG_MASK_RESIDENT_ID, CG_STYLE_REGION) &&
	   cg_masker_has_style(CG_MASK_RESIDENT_ID, CG_STYLE_LEGACY) &&
	   cg_masker_has_style(CG_MASK_BANK_CARD, CG_STYLE_STRICT) &&
	   cg_masker_has_style(CG_MASK_EMAIL, CG_STYLE_STRICT),
	   "%u styles but standard", own);

	/* What a damaged catalog might ask for. */
	ok(!cg_masker_has_style((CgMasker) CG_MASKERS, CG_STYLE_STANDARD) &&
	   !cg_masker_has_style(CG_MASK_NAME, (CgMaskStyle) CG_MASK_STYLES),
	   "no style of what does not exist");
	check_pair((CgMasker) CG_MASKERS, CG_STYLE_STANDARD, "abc", "***");
	check_pair((CgMasker) -1, CG_STYLE_STANDARD, "abc", "***");
	check_pair(CG_MASK_NAME, (CgMaskStyle) CG_MASK_STYLES, "张三", "张*");
	check_pair(CG_MASK_NAME, (CgMaskStyle) -1, "张三", "张*");
}

/* Every region of the table is shown in full, and nothing behind it. */
static void
check_regions(void)
{
	static const char *const tails[] = {
		"阳光花园小区5号楼", "永辉超市3楼", "幸福社区", "高新园区", "老校区",
		"", "人民路1号"
	};
	unsigned	seen = 0;
	unsigned	wrong = 0;
	size_t		i;

	for (i = 0; i < CG_PROVINCES; i++)
	{
		const CgProvince *province = &cg_provinces[i];
		const char *p = province->places;
		char		prefecture[64] = "";

		while (*p != '\0')
		{
			char		mark = *p++;
			size_t		n = strcspn(p, "@,");
			const char *tail = tails[seen % 7];
			char		text[512];
			char		want[512];
			char		out[512 + 64];
			size_t		length;

			if (mark == '@')
				snprintf(prefecture, sizeof(prefecture), "%.*s", (int) n, p);
			snprintf(want, sizeof(want), "%s%s%.*s", province->name,
					 prefecture, mark == '@' ? 0 : (int) n, p);
			snprintf(text, sizeof(text), "%s%s", want, tail);
			strcat(want, "****");
			length = cg_mask(CG_MASK_ADDRESS, CG_STYLE_STANDARD, text,
							 strlen(text), out);
			if (length != strlen(want) || memcmp(out, want, length) != 0)
			{
				printf("# %s: %.*s\n", text, (int) length, out);
				wrong++;
			}
			seen++;
			p += n;
		}
	}
	ok(wrong == 0 && seen > 3000, "%u regions, %u wrong", seen, wrong);
}

static void
check_surnames(void)
{
	ok(cg_is_compound_surname("欧阳") && cg_is_compound_surname("万俟") &&
	   cg_is_compound_surname("鲜于") && cg_is_compound_surname("上官") &&
	   cg_is_compound_surname("诸葛") && cg_is_compound_surname("尉遲"),
	   "compound surnames");
	ok(!cg_is_compound_surname("张三") && !cg_is_compound_surname("一一") &&
	   !cg_is_compound_surname("龠龠"), "no compound surnames");
}

int
main(void)
{
	size_t		i;

	check_names();
	check_vectors();
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		check_pair(pairs[i].masker, pairs[i].style, pairs[i].text,
				   pairs[i].mask);
	check_regions();
	check_surnames();
	return tap_done();
}
