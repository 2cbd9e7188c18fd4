-- Synthetic clients and contracts of an engineering consultancy.
--
--	psql -v clients=10000 -v contracts=30000 -f test/demo/data.sql
--
-- Deterministic: every value follows from the row number by arithmetic or by
-- md5, so that all servers and runs give the same rows. A smaller table is the
-- head of a larger one, but for contract.client_id.
--
-- Nobody is meant. What could lead to a person cannot exist:
--	mobile		network codes that were not assigned to any operator in the list
--				of the Ministry of Industry and Information Technology of March
--				2023: 154 160 163 164 168 169 179 194
--	resident_id	county codes nn9999, which GB/T 2260 does not assign
--	uscc		the same, in the place of the registration authority
--	email		example.com, example.net, example.org (RFC 2606)
--	address		real province, city and district; street and number invented
--	names		drawn from common surnames and characters
--
-- Needs the extension, in a database of encoding UTF8.

\set ON_ERROR_STOP on
\if :{?clients}
\else
	\set clients 10000
\endif
\if :{?contracts}
\else
	\set contracts 30000
\endif

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE SCHEMA demo;

-- A number from 0 to n - 1 that looks random but follows from the arguments.
CREATE FUNCTION demo.pick(i bigint, topic text, n integer) RETURNS integer
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	AS $$ SELECT (('x' || substr(md5(topic || ':' || i), 1, 8))::bit(32)::bigint % n)::integer $$;

-- GB 11643: check digit (ISO 7064 MOD 11-2) of the first 17 digits.
CREATE FUNCTION demo.resident_check(body text) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	AS $$
		SELECT substr('10X98765432', 1 + (sum(substr(body, i, 1)::integer
			* ('{7,9,10,5,8,4,2,1,6,3,7,9,10,5,8,4,2}'::integer[])[i]) % 11)::integer, 1)
		FROM generate_series(1, 17) i
	$$;

-- GB 11714: check digit of the first 8 characters of an organization code.
CREATE FUNCTION demo.organization_check(body text) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	AS $$
		SELECT substr('0X987654321', 1 + (sum((strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(body, i, 1)) - 1)
			* ('{3,7,9,10,5,8,4,2}'::integer[])[i]) % 11)::integer, 1)
		FROM generate_series(1, 8) i
	$$;

-- GB 32100: check character of the first 17 of a unified social credit code.
CREATE FUNCTION demo.uscc_check(body text) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	AS $$
		SELECT substr('0123456789ABCDEFGHJKLMNPQRTUWXY', 1 + ((31 - sum((strpos('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(body, i, 1)) - 1)
			* ('{1,3,9,27,19,26,16,17,20,29,25,13,8,24,10,30,28}'::integer[])[i]) % 31) % 31)::integer, 1)
		FROM generate_series(1, 17) i
	$$;

-- Surnames by share in the population, per mille or so; the last ones are
-- compound.
CREATE TEMPORARY TABLE surname ON COMMIT DROP AS
	SELECT row_number() OVER (ORDER BY o, n) - 1 AS slot, word[1] AS surname, word[2] AS pinyin
	FROM regexp_split_to_table(
		'王 wang 72,李 li 72,张 zhang 68,刘 liu 54,陈 chen 45,杨 yang 31,黄 huang 22,赵 zhao 22,吴 wu 20,周 zhou 20,'
		'徐 xu 17,孙 sun 16,马 ma 13,朱 zhu 13,胡 hu 13,郭 guo 12,何 he 12,高 gao 11,林 lin 11,罗 luo 10,'
		'郑 zheng 9,梁 liang 9,谢 xie 8,宋 song 7,唐 tang 7,许 xu 7,韩 han 7,冯 feng 6,邓 deng 6,曹 cao 6,'
		'彭 peng 6,曾 zeng 6,肖 xiao 6,田 tian 5,董 dong 5,袁 yuan 5,潘 pan 5,于 yu 5,蒋 jiang 4,蔡 cai 4,'
		'余 yu 4,杜 du 4,叶 ye 4,程 cheng 4,苏 su 4,魏 wei 4,吕 lyu 4,丁 ding 4,任 ren 4,沈 shen 4,'
		'姚 yao 4,卢 lu 4,姜 jiang 4,崔 cui 4,钟 zhong 4,谭 tan 3,陆 lu 3,汪 wang 3,范 fan 3,金 jin 3,'
		'石 shi 3,廖 liao 3,贾 jia 3,夏 xia 3,韦 wei 3,付 fu 3,方 fang 3,白 bai 3,邹 zou 3,孟 meng 3,'
		'熊 xiong 3,秦 qin 3,邱 qiu 3,江 jiang 3,尹 yin 3,薛 xue 3,闫 yan 3,段 duan 2,雷 lei 2,侯 hou 2,'
		'龙 long 2,史 shi 2,陶 tao 2,黎 li 2,贺 he 2,顾 gu 2,毛 mao 2,郝 hao 2,龚 gong 2,邵 shao 2,'
		'万 wan 2,钱 qian 2,严 yan 2,覃 qin 2,武 wu 2,戴 dai 2,莫 mo 2,孔 kong 2,向 xiang 2,汤 tang 2,'
		'欧阳 ouyang 3,上官 shangguan 1,司马 sima 1,诸葛 zhuge 1,夏侯 xiahou 1,皇甫 huangfu 1,尉迟 yuchi 1,'
		'令狐 linghu 1,慕容 murong 1,司徒 situ 1,端木 duanmu 1,公孙 gongsun 1', ',') WITH ORDINALITY AS list (entry, o),
		regexp_split_to_array(entry, ' ') AS word,
		generate_series(1, word[3]::integer) AS n;

CREATE TEMPORARY TABLE district ON COMMIT DROP AS
	SELECT o - 1 AS slot, word[1] AS region, word[2] AS district, word[3] AS short
	FROM regexp_split_to_table(
		'11 北京市朝阳区 北京,11 北京市海淀区 北京,12 天津市南开区 天津,13 河北省石家庄市长安区 石家庄,21 辽宁省沈阳市和平区 沈阳,'
		'31 上海市浦东新区 上海,31 上海市徐汇区 上海,31 上海市嘉定区 上海,32 江苏省南京市鼓楼区 南京,32 江苏省苏州市姑苏区 苏州,'
		'32 江苏省无锡市滨湖区 无锡,33 浙江省杭州市西湖区 杭州,33 浙江省杭州市余杭区 杭州,33 浙江省宁波市鄞州区 宁波,'
		'37 山东省济南市历下区 济南,37 山东省青岛市市南区 青岛,41 河南省郑州市金水区 郑州,42 湖北省武汉市洪山区 武汉,'
		'44 广东省广州市天河区 广州,44 广东省深圳市南山区 深圳,44 广东省佛山市禅城区 佛山,45 广西壮族自治区南宁市青秀区 南宁,'
		'51 四川省成都市武侯区 成都,53 云南省昆明市五华区 昆明,61 陕西省西安市雁塔区 西安,65 新疆维吾尔自治区乌鲁木齐市天山区 乌鲁木齐',
		',') WITH ORDINALITY AS list (entry, o),
		regexp_split_to_array(entry, ' ') AS word;

CREATE TABLE demo.client (
	id integer PRIMARY KEY,
	kind text NOT NULL CHECK (kind IN ('company', 'person')),
	company text,
	contact cipguard.enc_text('name') NOT NULL,
	mobile cipguard.enc_text('mobile') NOT NULL UNIQUE,
	email cipguard.enc_text('email'),
	resident_id cipguard.enc_text('resident_id') UNIQUE,
	birth_date cipguard.enc_text('birth_date'),
	uscc cipguard.enc_text('uscc'),
	address cipguard.enc_text('address'),
	client_since date NOT NULL,
	remark text,
	CHECK ((kind = 'company') = (company IS NOT NULL))
);

CREATE TABLE demo.contract (
	id integer PRIMARY KEY,
	contract_no text NOT NULL UNIQUE,
	client_id integer NOT NULL REFERENCES demo.client,
	service text NOT NULL,
	project text NOT NULL,
	amount numeric(14, 2) NOT NULL CHECK (amount > 0),
	signed_on date NOT NULL,
	due_on date NOT NULL CHECK (due_on >= signed_on),
	status text NOT NULL CHECK (status IN ('执行中', '已完成', '已归档', '已中止')),
	site_contact text,
	remark text
);
CREATE INDEX contract_client_idx ON demo.contract (client_id);

-- Given names: one character of five, else two, by sex. A few names have the
-- middle dot of western China.
CREATE FUNCTION pg_temp.given_name(i bigint, topic text, female boolean) RETURNS text
	LANGUAGE sql IMMUTABLE
	AS $$
		SELECT CASE WHEN demo.pick(i, topic || '1', 5) = 0 THEN '' ELSE
			CASE WHEN female THEN substr('晓雅思嘉玉秀春美佳雨文静海月欣梦子若婉丽', 1 + demo.pick(i, topic || '2', 20), 1)
				ELSE substr('建志国文晓海永子俊明德家振立成思学伟宏少', 1 + demo.pick(i, topic || '2', 20), 1) END
		END ||
			CASE WHEN female THEN substr('芳娜敏静丽艳娟霞燕玲丹萍红婷雪慧琳颖洁倩莹佳怡欣云兰梅琴英华', 1 + demo.pick(i, topic || '3', 30), 1)
				ELSE substr('伟强磊军洋勇杰涛超明刚平辉鹏华飞鑫波斌宇浩凯健俊帆旭宁林阳峰', 1 + demo.pick(i, topic || '3', 30), 1) END
	$$;

CREATE FUNCTION pg_temp.dotted_name(i bigint, female boolean) RETURNS text
	LANGUAGE sql IMMUTABLE
	AS $$
		SELECT CASE WHEN female THEN ('{阿依古丽,古丽娜尔,热娜,祖丽胡马尔,帕提古丽}'::text[])[1 + demo.pick(i, 'given', 5)]
			ELSE ('{买买提,艾力,吐尔逊,阿卜杜拉,玉素甫}'::text[])[1 + demo.pick(i, 'given', 5)] END
			|| '·' || ('{热合曼,司马义,依明,卡德尔,库尔班}'::text[])[1 + demo.pick(i, 'father', 5)]
	$$;

INSERT INTO demo.client (id, kind, company, contact, mobile, email, resident_id, birth_date, uscc, address, client_since, remark)
	SELECT
		f.id,
		CASE WHEN is_company THEN 'company' ELSE 'person' END,
		CASE WHEN is_company THEN
			d.short
			|| substr('澄泓翰屹璟砚苇樾皓岚骏沅', 1 + demo.pick(f.id, 'brand1', 12), 1)
			|| substr('舟垚禾堃野渡岸榕涧峤原序', 1 + demo.pick(f.id, 'brand2', 12), 1)
			|| ('{置业,建设,水务,新能源,交通投资,文旅,物流,环保科技,产业园运营,市政工程}'::text[])[1 + demo.pick(f.id, 'trade', 10)]
			|| '有限公司'
		END,
		CASE WHEN dotted THEN pg_temp.dotted_name(f.id, female) ELSE s.surname || pg_temp.given_name(f.id, 'given', female) END,
		network || lpad((f.id * 48271 % 99999989)::text, 8, '0'),
		CASE WHEN demo.pick(f.id, 'has email', 20) > 0 THEN
			CASE WHEN dotted THEN 'client' ELSE s.pinyin END || '.' || f.id || '@example.'
			|| ('{com,com,net,org}'::text[])[1 + demo.pick(f.id, 'domain', 4)]
		END,
		resident_body || demo.resident_check(resident_body),
		birth_date::text,
		CASE WHEN is_company THEN uscc_body || demo.uscc_check(uscc_body) END,
		d.district
			|| substr('青望栖听沐知归晴采揽', 1 + demo.pick(f.id, 'street1', 10), 1)
			|| substr('榆渔霞潮桐麓帆塘苇星', 1 + demo.pick(f.id, 'street2', 10), 1)
			|| ('{路,路,街,大道,巷}'::text[])[1 + demo.pick(f.id, 'street3', 5)]
			|| (1 + demo.pick(f.id, 'number', 998)) || '号'
			|| CASE WHEN is_company THEN (1 + demo.pick(f.id, 'floor', 28)) || '层'
				ELSE (1 + demo.pick(f.id, 'block', 40)) || '幢' || (1 + demo.pick(f.id, 'floor', 28)) || lpad((1 + demo.pick(f.id, 'flat', 4))::text, 2, '0') || '室' END,
		DATE '2009-01-01' + demo.pick(f.id, 'since', 3600),
		('{NULL,NULL,NULL,重点客户,需开具增值税专用发票,按季度对账,投标保证金已退还}'::text[])[1 + demo.pick(f.id, 'remark', 7)]
	FROM (
			SELECT i::bigint AS id,
				demo.pick(i, 'kind', 10) < 7 AS is_company,
				demo.pick(i, 'sex', 100) < 38 AS female,
				demo.pick(i, 'dotted', 250) = 0 AS dotted,
				('{154,160,163,164,168,169,179,194}'::text[])[1 + demo.pick(i, 'network', 8)] AS network,
				-- One birthday for each id modulo 18263, and below it another sequence
				-- number for each turn: so no two resident IDs are equal.
				i::bigint * 7919 % 18263 AS birth_day,
				(i / 18263 + demo.pick(i % 18263, 'sequence', 499)) % 499 AS sequence
			FROM generate_series(1, :clients) i
		) f
		JOIN surname s ON s.slot = demo.pick(f.id, 'surname', (SELECT count(*) FROM surname)::integer)
		JOIN district d ON d.slot = demo.pick(f.id, 'district', (SELECT count(*) FROM district)::integer)
		CROSS JOIN LATERAL (SELECT DATE '1955-01-01' + f.birth_day::integer AS birth_date) b
		CROSS JOIN LATERAL (
			SELECT d.region || '9999' || to_char(birth_date, 'YYYYMMDD')
				-- Odd for men, even for women; 001 to 998.
				|| lpad((2 * sequence + CASE WHEN female THEN 2 ELSE 1 END)::text, 3, '0') AS resident_body
		) r
		CROSS JOIN LATERAL (SELECT 'MA' || lpad((f.id * 7919 % 999983)::text, 6, '0') AS organization) o
		CROSS JOIN LATERAL (
			SELECT '91' || d.region || '9999' || organization || demo.organization_check(organization) AS uscc_body
		) u
	ORDER BY f.id;

-- Clients differ in the number of their contracts: the share of a client falls
-- as the square of a number that is spread over all of them.
INSERT INTO demo.contract (id, contract_no, client_id, service, project, amount, signed_on, due_on, status, site_contact, remark)
	SELECT
		i,
		'ZX-' || to_char(signed_on, 'YYYY') || '-' || lpad(i::text, 6, '0'),
		1 + (rank * 3571 % :clients)::integer,
		service,
		d.short
			|| ('{污水处理厂提标改造,高新产业园一期,轨道交通车辆段,保障性住房,中学迁建,快速路改造,人民医院门诊楼,分布式光伏电站,冷链物流园,水库除险加固,老旧小区改造,智慧停车场}'::text[])[1 + demo.pick(i, 'project', 12)]
			|| '项目' || service,
		lo + (hi - lo) * (u * u) / 1000000 / 100 * 100,
		signed_on,
		signed_on + 30 + demo.pick(i, 'days', 690),
		CASE WHEN demo.pick(i, 'stopped', 40) = 0 THEN '已中止'
			WHEN signed_on < DATE '2022-01-01' THEN '已归档'
			WHEN signed_on + 30 + demo.pick(i, 'days', 690) < DATE '2025-07-01' THEN '已完成'
			ELSE '执行中' END,
		CASE WHEN demo.pick(i, 'site', 3) > 0 THEN s.surname || pg_temp.given_name(i, 'site given', demo.pick(i, 'site sex', 100) < 20) END,
		('{NULL,NULL,NULL,首付款30%已到账,专家评审已通过,补充协议待签,图纸已移交,含两次现场踏勘}'::text[])[1 + demo.pick(i, 'contract remark', 8)]
	FROM (
			SELECT i,
				DATE '2019-01-02' + demo.pick(i, 'signed', 2380) AS signed_on,
				demo.pick(i, 'rank', 10000)::bigint * demo.pick(i, 'rank', 10000) * :clients / 100000000 AS rank,
				demo.pick(i, 'amount', 1000)::bigint AS u,
				demo.pick(i, 'service', 12) AS service_no
			FROM generate_series(1, :contracts) i
		) f
		JOIN (VALUES
			(0, '可行性研究报告编制', 60000, 1200000),
			(1, '工程监理', 180000, 9600000),
			(2, '造价咨询', 40000, 1800000),
			(3, '环境影响评价', 50000, 900000),
			(4, '招标代理', 20000, 600000),
			(5, '项目建议书编制', 30000, 400000),
			(6, '节能评估', 25000, 300000),
			(7, '水土保持方案编制', 30000, 450000),
			(8, '社会稳定风险评估', 30000, 350000),
			(9, '施工图审查', 35000, 800000),
			(10, '全过程工程咨询', 500000, 18000000),
			(11, '竣工结算审核', 45000, 1500000)
		) AS v (service_no, service, lo, hi) USING (service_no)
		JOIN surname s ON s.slot = demo.pick(i, 'site surname', (SELECT count(*) FROM surname)::integer)
		JOIN district d ON d.slot = demo.pick(i, 'site district', (SELECT count(*) FROM district)::integer)
	ORDER BY i;

COMMIT;
ANALYZE demo.client;
ANALYZE demo.contract;
