/** Common given and family names per country, for made-up people in the examples. Nobody real is meant. */
import type { Country } from '../domain/rail.ts';

export interface NameList {
  readonly women: readonly string[];
  readonly men: readonly string[];
  readonly family: readonly string[];
}

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

export const NAMES: Readonly<Partial<Record<Country, NameList>>> = {
  KE: {
    women: words(`Wanjiru Achieng Njeri Mercy Faith Esther Purity Caroline Nyambura Winnie Lilian Beatrice Moraa Cynthia`),
    men: words(`Kevin Brian Dennis Collins Kipchoge Peter Samuel Evans Juma Victor Duncan Felix`),
    family: words(`Kamau Otieno Mwangi Odhiambo Wafula Kiprotich Mutua Njoroge Kimani Onyango Maina Cheruiyot
      Karanja Owino Barasa Muthoni Ndung’u Wekesa Kariuki Omondi Langat Nyaga Mbugua Chebet Githinji Okoth`),
  },
  UG: {
    women: words(`Nakato Babirye Sarah Prossy Juliet Harriet Brenda Patience Doreen Annet Winfred Sharifa`),
    men: words(`Wasswa Kato Ivan Ronald Denis Moses Godfrey Richard Fred Isaac Allan Joel Emmanuel Hakim`),
    family: words(`Nakimuli Ssemakula Okello Mugisha Namukasa Byaruhanga Kasozi Akello Tumusiime Nsubuga Lubega
      Atim Kyomuhendo Opio Mukasa Nabirye Kizza Ochieng Ainembabazi Bbosa Namutebi Wamala Ojok Kirabo`),
  },
  TZ: {
    women: words(`Neema Rehema Zawadi Asha Mwajuma Upendo Halima Anna Happiness Fatuma Grace Saida`),
    men: words(`Baraka Juma Hamisi Emmanuel Hassan Rashidi Godfrey Elia Salum Frank Abdallah Daudi`),
    family: words(`Mushi Massawe Mwakyusa Kimaro Lyimo Shayo Mrema Mollel Nyerere Makundi Swai Mtui
      Komba Ngowi Mbwana Sanga Chacha Mwita Kapinga Haule Msuya Mfinanga Kaaya Lema`),
  },
  RW: {
    women: words(`Aline Diane Claudine Chantal Josiane Solange Yvonne Vestine Immaculée Jeannette Clémentine Denise`),
    men: words(`Eric Olivier Patrick Innocent Théogène Fabrice Emmanuel Jean-Bosco Pacifique Célestin Aimable Gilbert`),
    family: words(`Uwimana Mukamana Niyonzima Habimana Uwase Ndayisaba Mukeshimana Nshimiyimana Iradukunda Bizimana
      Ingabire Hakizimana Nyirahabimana Mugabo Umutoni Kayitesi Munyaneza Nsengimana Uwineza Rukundo Gasana Mutesi`),
  },
  GH: {
    women: words(`Abena Akosua Ama Esi Efua Adwoa Yaa Afia Gifty Mavis Comfort Araba`),
    men: words(`Kwame Kofi Yaw Kwabena Kojo Kwaku Emmanuel Nii Prince Ebenezer Isaac Fiifi Selorm Edem`),
    family: words(`Mensah Owusu Boateng Asante Agyeman Osei Appiah Addo Amoako Ofori Antwi Darko
      Quaye Tetteh Frimpong Sarpong Ansah Gyasi Acheampong Adjei Lamptey Dogbe Agbeko Baidoo`),
  },
  NG: {
    women: words(`Ngozi Chioma Adaeze Funmilayo Yetunde Blessing Amarachi Folake Hauwa Zainab Ifeoma Titilayo`),
    men: words(`Chinedu Emeka Tunde Segun Olumide Babajide Ikenna Obinna Sani Bashir Efe Kelechi Uche Damilola`),
    family: words(`Okafor Adeyemi Eze Balogun Okonkwo Nwosu Adebayo Bello Ogunleye Chukwu Olawale Nwachukwu
      Danjuma Akinola Obi Uzor Afolabi Ekwueme Osagie Ibekwe Adekunle Oyelaran Umeh Ọlátúnjí`),
  },
  CI: {
    women: words(`Aya Adjoua Affoué Amenan Akissi Mariam Aminata Fatoumata Ahou Christelle Édith Nadège`),
    men: words(`Kouamé Koffi Yao Konan Serge Hervé Moussa Ibrahim Didier Sékou Franck Désiré Lassina Arsène`),
    family: words(`Kouassi Koné Ouattara Traoré N’Guessan Coulibaly Bamba Diabaté Kouadio Touré Yéo Soro
      Gnahoré Zadi Brou Aka Assi Kassi Dosso Méité Ehouman Tanoh Silué Gbagbi`),
  },
  SN: {
    women: words(`Fatou Awa Aïssatou Mame Khady Ndèye Coumba Astou Bineta Rokhaya Sokhna Adji`),
    men: words(`Moussa Ibrahima Cheikh Ousmane Babacar Modou Alioune Pape Abdoulaye Serigne Malick Lamine`),
    family: words(`Ndiaye Diop Fall Sow Gueye Sarr Faye Diouf Mbaye Sy Thiam Seck
      Cissé Niang Ba Kane Diallo Camara Badji Wade Samb Lô Mané Dièye`),
  },
  CM: {
    women: words(`Solange Brigitte Clarisse Pélagie Honorine Carine Mireille Nadine Berthe Arlette Vanessa Josépha`),
    men: words(`Hervé Blaise Rodrigue Achille Cédric Aristide Gaël Valère Landry Bertrand Armel Ulrich Joël Brice`),
    family: words(`Ngono Mbarga Fotso Kamga Tchoumi Nkeng Atangana Djoumessi Talla Abena Eyenga Mballa
      Njoya Kenfack Onana Tchinda Bassong Nguimfack Ewane Manga Fopa Nana Mbida Wamba`),
  },
  ZM: {
    women: words(`Mutinta Chanda Bwalya Thandiwe Natasha Precious Memory Charity Loveness Mwaka Esther Misozi`),
    men: words(`Mwansa Chilufya Kelvin Joseph Mulenga Moses Chola Kennedy Bright Musonda Gift Lubasi Elijah Davies`),
    family: words(`Banda Phiri Mwale Tembo Zulu Sakala Lungu Mulenga Mumba Chanda Bwalya Sichone
      Mwila Kapambwe Hamoonga Siame Nkandu Musonda Chisenga Kabwe Moonga Simukonda Njobvu Mweemba`),
  },
  ZA: {
    women: words(`Nomsa Lerato Thandeka Zanele Naledi Refilwe Nokuthula Palesa Ayanda Busisiwe Dineo Annelie`),
    men: words(`Sipho Thabo Bongani Kagiso Mandla Tshepo Lwazi Sizwe Johan Pieter Themba Vusi Karabo Rudzani`),
    family: words(`Nkosi Dlamini Mokoena Khumalo Ndlovu Mthembu Molefe Sithole Mahlangu Botha Van_der_Merwe Zwane
      Mabaso Radebe Naidoo Maluleke Tshabalala Ngcobo Baloyi Modise Mkhize Netshitenzhe Pillay Motaung`),
  },
};
