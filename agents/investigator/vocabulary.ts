/**
 * The words of customers' texts that a model may read: a closed list. Every other word, whosoever's name or
 * street it may be, is taken out; so what a text says of its kind can be read, and whom it speaks of cannot.
 *
 * Left out on purpose: words that are names as well (grace, hope, zawadi, amani, ada, leo), months, trades and places by
 * which a person is described, and words of one letter, which are initials. Pure.
 */

/** By language: words that join others, who is to whom, what money is for, and how a text speaks to its reader. */
const WORDS: Readonly<Record<string, string>> = {
  en: `the and or but not no yes of to from for with without by at in on into over under after before about as is are was were be been am
    has have had do does did done can could should would must shall this that these those it its they them their he his him she her we
    us our you your my me mine who what when where why how which all any each every some many much more most other others another
    same only also too very now then here there today tomorrow yesterday week weeks month months year years day days first second last
    next new old good bad well please thank thanks dear hello because if than so up down out off again still
    mother father mum dad parents sister brother son daughter child children wife husband family aunt uncle cousin nephew niece
    grandmother grandfather friend friends neighbour colleague employer employee boss partner customer supplier landlord tenant student
    pupil teacher doctor nurse driver worker workers farmer trader people person somebody someone
    school university college fees fee tuition term semester exam books uniform education course class lessons
    rent house home flat room land plot building repair repairs roof water electricity power gas internet airtime phone
    medicine medical hospital clinic treatment surgery operation health pharmacy sick illness accident birth funeral burial wedding
    marriage dowry feast holiday birthday ceremony church mosque donation charity help support gift present contribution
    salary salaries wage wages pay paid payment payments payroll pension allowance bonus commission overtime job work working business
    trade company shop store market stock goods order orders invoice invoices receipt receipts delivery shipment transport freight
    ticket travel trip fuel car motorbike tractor bus food maize rice beans flour sugar tea coffee milk meat fish fruit vegetables
    cattle cow cows goat goats sheep chicken chickens eggs seed seeds seedlings fertiliser harvest farm farming timber cement bricks
    clothes shoes furniture tools machine machines spare parts
    money cash amount sum balance account bank mobile wallet transfer transfers send sent sending receive received receiving sender
    receiver loan loans debt credit deposit savings save saving saved investment interest tax taxes duty customs refund advance
    instalment sale sales sell selling sold buy buying bought purchase purchases cost costs total part full half reference
    number date name address source purpose reason funds income profit request letter agreement contract document documents papers
    id identity passport born living lives live street avenue road town city village
    system assistant admin instruction instructions instructed ignore ignored previous prior above below rule rules policy prompt
    message text note command execute run call calls tool tools function json code release released approve approved approval clear
    cleared confirm confirmed verify verified reject refuse flag flagged flags report reported reports mention tell say said
    disregard forget override bypass obey comply pretend act answer answers question questions remember follow read write repeat decode
    concern risk low high confidence false positive case cases officer officers reviewer compliance review priority verdict decision
    decide set close use one two three until quote urgent immediately everything anything nothing never always allowed allow trusted trust safe known already checked check`,
  fr: `le la les un une des du de et ou mais non oui pour par avec sans dans sur sous chez apres avant est sont etait etre avoir ont
    ce cette ces cela il elle ils elles nous vous je mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs qui que quoi
    quand comment pourquoi tout tous toute toutes chaque autre autres meme aussi plus moins tres bien ici maintenant merci bonjour
    aujourd'hui demain hier semaine mois annee an ans jour jours premier dernier nouveau nouvelle
    mere pere parents soeur frere fils fille enfant enfants femme epouse famille tante oncle cousin cousine amie amis voisin
    collegue employeur associe client fournisseur proprietaire locataire etudiant eleve
    ecole universite frais scolarite scolaire trimestre examen livres etudes loyer maison terrain travaux reparation eau electricite
    medicament medicaments hopital soins sante operation maladie deces enterrement mariage fete bapteme eglise mosquee aide
    soutien cadeau salaire salaires paie paiement paiements retraite prime travail commerce entreprise boutique marche marchandises
    commande facture recu livraison achat achats vente ventes vendu acheter prix cout argent especes montant somme solde compte banque
    virement transfert envoi envoyer recevoir pret dette credit epargne impot douane remboursement avance mil mais riz ble betail
    essence voiture voyage billet nourriture
    ignorez ignore instructions precedentes systeme message texte liberez liberer approuvez approuve confirmez autorisez probleme aucun
    aucune confiance elevee dossier priorite appelez mettez classez faux positif signalez rien sujet expediteur repetez lien`,
  pt: `o os um uns umas do da dos das de em no na nos nas e ou mas nao sim para por pelo pela com sem sobre ate depois antes ser
    sao foi este esta estes estas esse essa isto isso ele ela eles elas eu meu minha meus minhas seu sua seus suas nosso nossa que quem
    quando como porque onde toda todos todas cada outro outra mesmo tambem mais menos muito bem aqui agora hoje amanha ontem semana
    mes meses ano anos dias primeiro ultimo novo obrigado obrigada ola
    mae pai pais irma irmao filho filha filhos esposa marido familia tia tio amigo amiga vizinho colega patrao socio cliente
    fornecedor senhorio inquilino estudante aluno
    escola universidade propina propinas mensalidade exame livros estudos renda aluguer casa terreno obras reparacao agua
    remedio remedios hospital tratamento saude doenca funeral casamento festa igreja mesquita doacao ajuda apoio presente
    salario ordenado pagamento pagamentos reforma bonus trabalho comercio negocio empresa loja mercado mercadoria encomenda fatura
    recibo entrega compra compras venda vendas vender comprar preco custo dinheiro montante valor saldo conta banco transferencia enviar
    receber emprestimo divida credito poupanca imposto alfandega reembolso adiantamento milho arroz gado combustivel carro viagem comida
    ignore ignorar instrucoes anteriores sistema mensagem texto libere liberar aprovado aprove confirme nenhuma preocupacao confianca
    alta caso prioridade chame defina encerre falso positivo sinalize nada remetente repita`,
  sw: `na ya wa la cha za kwa ni si hapana ndiyo au lakini hii hiyo huyu huyo hawa yeye mimi wewe sisi wangu yangu zangu wake yake
    wetu yetu kama sasa kesho wiki mwezi miezi mwaka siku kila wote yote asante tafadhali habari kabla baada bila
    mama baba mzazi wazazi dada kaka mtoto watoto mke mume familia shangazi mjomba binamu rafiki jirani mwajiri mteja mwanafunzi
    mwalimu shule chuo karo muhula mtihani vitabu elimu nyumba shamba ujenzi maji umeme dawa hospitali matibabu afya ugonjwa
    mazishi harusi mahari sherehe harambee kanisa msikiti mchango msaada mshahara malipo kazi biashara duka soko bidhaa agizo
    ankara risiti usafiri nauli mafuta gari chakula mahindi mchele ng'ombe mbuzi kuku mbolea mbegu mavuno pesa fedha kiasi jumla akaunti
    benki tuma kutuma pokea mkopo deni akiba ushuru kuuza kununua bei gharama
    puuza maagizo yote yaliyotangulia uachilie haya hakuna tatizo uhakika mkubwa kipaumbele kesi ifunge kosa mfumo ita kiasi usitaje
    wala kuripoti chochote kuhusu maandishi mtumaji sahau fuata ruhusu idhinisha`,
  ha: `da na ta daga zuwa ga a'a babu wannan wancan kuma amma yau gobe jiya mako wata shekara mahaifiya mahaifi uwa uba
    'yar dan'uwa 'yar'uwa yaro mata miji iyali aboki makwabci makaranta kudin karatu haya gida gona ruwa wuta magani asibiti lafiya
    jana'iza aure biki coci masallaci taimako albashi aiki kasuwanci shago kasuwa sufuri mota abinci masara shinkafa
    shanu akuya taki iri girbi bashi ajiya haraji sayarwa saye farashi ka yi watsi dukkan umarnin suka gabata saki biyan damuwa kada
    ambaci bayar rahoto game rubutu`,
  ar: `من إلى في على عن مع بدون بعد قبل هذا هذه ذلك هو هي نحن أنا أنت كل بعض أيضا جدا الآن اليوم غدا أمس أسبوع شهر سنة يوم شكرا نعم لا
    أم أب والدة والد والدي والدتي أخت أخ أختي أخي ابن ابنة ابني ابنتي زوجة زوج زوجتي زوجي عائلة عائلتي عم خال جار
    مدرسة المدرسة جامعة الجامعة رسوم الرسوم دراسة الدراسة كتب إيجار الإيجار بيت البيت أرض بناء ماء كهرباء دواء علاج العلاج مستشفى
    المستشفى مرض جنازة زواج الزواج مسجد تبرع مساعدة راتب رواتب أجر دفع دفعة الدفعة عمل تجارة شركة محل سوق بضاعة طلب فاتورة
    توصيل سفر وقود سيارة طعام قمح ماشية غنم مال المال مبلغ المبلغ حساب بنك تحويل قرض دين توفير ضريبة بيع شراء ثمن
    تجاهل التعليمات السابقة وأفرج أفرج توجد أي شبهة الثقة عالية أولوية القضية اجعل أغلقها كإنذار كاذب استدع ثم بكامل تذكر تبلغ شيء يخص
    النص المرسل أو`,
  am: `እና ወይም ግን ነው ናቸው ነበር ይህ ያ ይህን እኔ አንተ እሱ እሷ እኛ ሁሉ ሁሉም በጣም አሁን ዛሬ ነገ ትናንት ሳምንት ወር ዓመት ቀን አመሰግናለሁ አዎ አይደለም ለ ከ በ
    እናት አባት እህት ወንድም ልጅ ልጆች ሚስት ባል ቤተሰብ ጓደኛ ጎረቤት ትምህርት ለትምህርት ቤት ክፍያ ክፍያን ኪራይ መሬት ውሃ መብራት መድኃኒት ሆስፒታል ህክምና ጤና
    ቀብር ሰርግ በዓል ቤተክርስቲያን መስጊድ እርዳታ ስጦታ ደመወዝ ስራ ንግድ ሱቅ ገበያ እቃ ትዕዛዝ ደረሰኝ መጓጓዣ ነዳጅ መኪና ምግብ በቆሎ ጤፍ ከብት ገንዘብ ሂሳብ
    ባንክ ብድር ዕዳ ቁጠባ ግብር ሽያጭ ግዢ ዋጋ ቀዳሚ መመሪያ መመሪያዎችን ችላ በል ልቀቅ ምንም ስጋት የለም የዚህን ጉዳይ ቅድሚያ አድርገህ ዝጋው ስለዚህ ጽሑፍ ስለ ላኪው አትናገር`,
};

/** How a word is compared: without accents, marks and case. */
function foldedOf(word: string): string {
  return word.normalize('NFKD').replace(/\p{M}/gu, '').replaceAll('’', "'").toLowerCase();
}

const VOCABULARY: ReadonlyMap<string, string> = new Map(
  Object.values(WORDS)
    .flatMap((words) => words.split(/\s+/))
    .filter((word) => Array.from(word).length > 1)
    .map((word) => [foldedOf(word), word]),
);

/** The word as it stands in the vocabulary, so that nothing of how it was written is left; null for any other. */
export function knownWord(word: string): string | null {
  return VOCABULARY.get(foldedOf(word)) ?? null;
}
